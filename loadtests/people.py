"""Names and addresses for the trace's anonymous customers: invented, seeded, in the script of their country."""

from faker import Faker

from ..chaos.dice import Dice
from .plan import Address, Customer

LOCALES = {
    "AT": "de_AT",
    "AU": "en_AU",
    "BE": "nl_BE",
    "CA": "en_CA",
    "CH": "de_CH",
    "CZ": "cs_CZ",
    "DE": "de_DE",
    "DK": "da_DK",
    "ES": "es_ES",
    "FI": "fi_FI",
    "FR": "fr_FR",
    "GR": "el_GR",
    "IE": "en_IE",
    "IL": "he_IL",
    "IT": "it_IT",
    "JP": "ja_JP",
    "NL": "nl_NL",
    "NO": "no_NO",
    "PL": "pl_PL",
    "PT": "pt_PT",
    "SE": "sv_SE",
    "US": "en_US",
}
"""Every other country, XC and ZZ among them, writes British English."""

ABROAD = ("de_DE", "fr_FR", "es_ES", "da_DK", "ja_JP")
ABROAD_SHARE = 0.1
"""This share of British customers has a name from another language: letters outside ASCII in every larger run."""


class People:
    """The same seed and customer id give the same person, whoever was asked for before."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed)
        self._fakers: dict[str, Faker] = {}

    def person(self, customer_id: str, country: str) -> tuple[Customer, Address]:
        """Who a customer is and where they live. Mail goes to example.com, which belongs to nobody."""
        home = LOCALES.get(country, "en_GB")
        tongue = home
        if home == "en_GB" and self._dice.chance(ABROAD_SHARE, "abroad", customer_id):
            tongue = ABROAD[int(self._dice.roll("tongue", customer_id) * len(ABROAD))]
        name = self._faker(tongue, customer_id).name()
        faker = self._faker(home, customer_id)
        line1, line2 = _street(faker, home)
        return Customer(name, f"customer.{customer_id.lower()}@example.com"), Address(
            name=name,
            line1=line1,
            line2=line2,
            city=faker.city(),
            postcode=_postcode(faker, country),
            country=country,
        )

    def _faker(self, locale: str, customer_id: str) -> Faker:
        faker = self._fakers.get(locale)
        if faker is None:
            faker = self._fakers[locale] = Faker(locale, use_weighting=False)
        faker.seed_instance(int(self._dice.roll("person", customer_id) * 2**53))
        return faker


def _street(faker: Faker, locale: str) -> tuple[str, str | None]:
    if locale == "ja_JP":
        return f"{faker.town()}{faker.chome()}{faker.ban()}{faker.gou()}", faker.building_name()
    first, _, second = faker.street_address().strip().partition("\n")
    return first.strip(), second.strip() or None


def _postcode(faker: Faker, country: str) -> str:
    postcode: str = faker.postcode()
    return f"JE{postcode[-3]} {postcode[-3:]}" if country == "XC" else postcode
