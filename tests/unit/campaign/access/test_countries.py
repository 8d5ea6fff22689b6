"""The countries that may be sent to."""

import phonenumbers
import pytest

from services.campaign.access.countries import Countries, country_of


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        ("12025550123", "US"),
        ("15551231234", "US"),  # no area code in use: the country that +1 leads to
        ("14165550123", "CA"),
        ("12465550123", "BB"),
        ("17875550123", "PR"),
        ("18095550123", "DO"),
        ("442079460958", "GB"),
        ("447797712345", "JE"),
        ("79161234567", "RU"),
        ("77011234567", "KZ"),
        ("31201234567", "NL"),
        ("393331234567", "IT"),
        ("8821612345678", "001"),  # a satellite network: no country
    ],
)
def test_the_country_of_a_number(digits: str, country: str) -> None:
    """Also where several share a country code."""
    assert country_of(digits) == country


@pytest.mark.parametrize(
    ("allowed", "digits", "may"),
    [
        (("US",), "12025550123", True),
        (("US",), "14165550123", False),
        (("US",), "12465550123", False),
        (("CA", "US"), "14165550123", True),
        (("NL",), "31201234567", True),
        (("NL",), "12025550123", False),
        (("RU",), "77011234567", False),
        (("US",), "8821612345678", False),
    ],
)
def test_only_these_may_be_sent_to(allowed: tuple[str, ...], digits: str, may: bool) -> None:
    """A neighbour under the same country code is another country."""
    assert Countries(allowed).allow(digits) is may


def test_every_countrys_own_numbers_are_its_own() -> None:
    """The example number of each of the library's countries is allowed where that country is, and only there."""
    wrong = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None:
            continue
        digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
        others = Countries(phonenumbers.SUPPORTED_REGIONS - {region})
        if phonenumbers.region_code_for_number(number) == region and (
            not Countries([region]).allow(digits) or others.allow(digits)
        ):
            wrong.append((region, digits, country_of(digits)))
    assert wrong == []
