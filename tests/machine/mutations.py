"""Faults put into the product on purpose: proof that the judges see them."""

from collections.abc import Callable, Mapping

import pytest

from contracts import events as e
from services.dispatcher import app
from services.dispatcher.consented import OptOuts
from services.dispatcher.doubt import Rule
from services.projector import fold
from services.projector.fold import Changes


def sends_to_who_opted_out(patch: pytest.MonkeyPatch) -> None:
    """A claim takes nobody out."""
    patch.setattr(OptOuts, "among", lambda _self, _recipients: [])


def believes_one_look(patch: pytest.MonkeyPatch) -> None:
    """What one look at Sinch's list does not show is offered again."""
    patch.setattr(app, "Rule", lambda _looks, _settle: Rule(1, 0.0))


def folds_nothing_of(*kinds: type) -> Callable[[pytest.MonkeyPatch], None]:
    """The fold passes over these events."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        for kind in kinds:
            patch.setitem(fold._HANDLERS, kind, lambda _changes, _event, _partition: None)

    return mutate


def folds_reports_of_none(patch: pytest.MonkeyPatch) -> None:
    """The fold passes over every report."""
    patch.setattr(Changes, "reported", lambda *_: None)


MUTATIONS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "sends to who opted out": (sends_to_who_opted_out, "sent against consent"),
    "believes one look": (believes_one_look, "twice"),
    "folds no suppression": (folds_nothing_of(e.RecipientsSuppressed), "not final"),
    "folds no cancel": (folds_nothing_of(e.BatchCancelled), "not final"),
    "folds no request": (folds_nothing_of(e.CampaignRequested), "row"),
    "folds no pause or cancel of a campaign": (folds_nothing_of(e.CampaignCancelled), "campaign"),
    "folds no report": (folds_reports_of_none, "not final"),
}
"""By name: what is done to the product, and the kind of fault that must be told."""
