"""Before or after the commit: the one thing about a broken call that its caller cannot see."""

from dataclasses import replace
from typing import Literal

from .fault import Call, FaultContext, Forward, Reply

Moment = Literal["before", "after"]
"""When a fault strikes: ``before`` the system has carried the call out, so that nothing is done, or ``after`` it."""
MOMENTS: tuple[Moment, ...] = ("before", "after")


async def answered_instead(reply: Reply, call: Call, forward: Forward, when: Moment) -> Reply:
    """This reply in place of the true one; whether there is a true one is what ``when`` says."""
    if when == "before":
        return reply
    return replace(reply, committed=(await forward(call)).committed)


async def waited(wait_s: float, call: Call, forward: Forward, ctx: FaultContext, when: Moment) -> Reply:
    """The true reply, with a wait before or after the call is carried out."""
    if when == "before":
        await ctx.sleep(wait_s)
        return await forward(call)
    reply = await forward(call)
    await ctx.sleep(wait_s)
    return reply
