"""What recipients want: which words say so, and which of several words holds."""

from contracts.consent.words import DEFAULT_LANGUAGES, LANGUAGES, LONGEST, Keywords, Wish, bare

__all__ = ["DEFAULT_LANGUAGES", "LANGUAGES", "LONGEST", "Keywords", "Wish", "bare"]
