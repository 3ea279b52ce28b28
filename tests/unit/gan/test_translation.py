"""What both sides of a translation minimise, of judges and images that are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.gan import translation
from pipeline.gan.family import Batch, Report
from pipeline.gan.translation import Crossing, TranslationOptions
from pipeline.gan.view import View

# D's of the two domains both say the mean pixel.
OWN, OTHERS, TO_OWN, TO_OTHERS = (torch.full((4, 1, 2, 2), value) for value in (1, -1, 0.5, 0))


class Mean(nn.Module):
    """A logit that is the mean pixel times a weight of 1."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, images):
        """(N,)."""
        return self.weight * images.flatten(1).mean(1)


def parts(**chosen):
    """Options with squares for a loss, and networks that are known."""
    options = TranslationOptions(**{"loss": "least_squares", "augmentation": (), **chosen})
    networks = nn.ModuleDict(
        {"discriminator": Mean(), "inverse_discriminator": Mean(), "view": View(options)}
    )
    return options, networks


def crossing():
    """Images and translations of constant value."""
    return Crossing(OWN.float(), OTHERS.float(), TO_OWN.float(), TO_OTHERS.float())


@pytest.mark.parametrize(
    ("rivals", "own", "inverse"),
    # Squares to 1 of the real (1; -1) and to 0 of the translated (0.5; 0) or the rivals (-1; 1).
    [(0.0, 0.5 * 0.25, 0.5 * 4), (0.5, 0.5 * (0.25 + 1) / 2, 0.5 * (4 + (0 + 1) / 2))],
)
def test_discriminators_reject_translations_and_rivals(rivals, own, inverse):
    """Real images of the opposite domain take the place of a share of the translations."""
    options, networks = parts(rivals=rivals)
    rng = torch.Generator()
    report = translation.discriminate(options, "discriminator", networks, crossing(), rng=rng)
    assert report.terms["discriminator"].item() == pytest.approx(own)
    assert report.terms["inverse_discriminator"].item() == pytest.approx(inverse)


def test_logits_that_are_told_of_are_of_translations_alone():
    """Rivals are rejected easily, and would make the discriminators look too strong."""
    options, networks = parts(rivals=0.5, loss="hinge")
    rng = torch.Generator()
    report = translation.discriminate(options, "discriminator", networks, crossing(), rng=rng)
    assert report.real_logits.tolist() == [1.0] * 4 + [-1.0] * 4
    assert report.fake_logits.tolist() == [0.5] * 2 + [0.0] * 2


def test_translators_want_to_be_taken_for_real_by_either_side():
    """Half the squares of 0.5 - 1 and of 0 - 1."""
    options, networks = parts()
    terms = translation.deceive(options, networks, crossing(), rng=torch.Generator())
    assert {name: term.item() for name, term in terms.items()} == {
        "generator": pytest.approx(0.125),
        "inverse": pytest.approx(0.5),
    }


def test_says_how_much_a_source_was_changed():
    """From -1 to 0.5."""
    assert translation.changed(crossing())["changed"].item() == 1.5


def test_clips_both_discriminators():
    """And leaves them alone after the translators' steps."""
    options, networks = parts(clip_weights=0.1)
    report = Report({}, torch.zeros(1), torch.zeros(1))
    translation.after_step(options, "generator", report, networks)
    assert [networks[name].weight.item() for name in translation.DISCRIMINATORS] == [1.0, 1.0]
    translation.after_step(options, "discriminator", report, networks)
    assert all(
        networks[name].weight.item() == pytest.approx(0.1) for name in translation.DISCRIMINATORS
    )


def test_judges_by_the_mean_of_patches():
    """A logit an image, whether the discriminator judges it whole or by patches."""
    networks = nn.ModuleDict({"discriminator": nn.Flatten(2)})
    images = torch.tensor([[[[1.0, 3.0]]], [[[5.0, 7.0]]]])
    assert translation.judge(networks, images).tolist() == [2.0, 6.0]
    _, known = parts()
    assert translation.judge(known, images).tolist() == [2.0, 6.0]


def test_knows_which_domain_is_which():
    """Images are the own class's, sources the others'."""
    batch = Batch(torch.zeros(4), OWN, extra={"sources": OTHERS})
    own, others = translation.domains(batch)
    assert own is OWN and others is OTHERS
