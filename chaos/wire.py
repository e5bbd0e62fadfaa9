"""Ways for a reply to leave other than as HTTP should: the connection ends, or nothing ever comes."""

from .fault import Connection, Reply


class Reset:
    """The connection ends with a TCP RST; not a byte of the reply arrives."""

    __slots__ = ()
    answers = False

    async def leave(self, reply: Reply, connection: Connection) -> None:
        connection.reset()


class Hang:
    """The connection stays open and silent until the caller gives up."""

    __slots__ = ()
    answers = False

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await connection.gone()
        connection.close()
