"""The page of families says what its figures say."""

from __future__ import annotations

import pytest

from pipeline.report import families

FACTS = {
    "size": "32x32",
    "training": 500,
    "validation": 90,
    "held_out": 300,
    "per_class": 200,
    "note": "",
    "device": "cpu",
    "default": "conditional",
}


def found(kid, seconds=100.0, batches="labelled", trained=True, low=0.7, curve=()):
    """Figures of one family."""
    measured = {"value": kid, "floor": 0.001, "floor_low": -0.002, "floor_high": 0.004}
    return {
        "seconds": seconds,
        "curve": curve,
        "parameters": 1_234_567,
        "batches": batches,
        "trained": trained,
        "kid": measured,
        "label_agreement": {"value": 0.8, "floor": 0.82, "floor_low": 0.7, "floor_high": 0.9},
        "label_agreement_low": low,
        "label_chance": 0.5,
    }


@pytest.fixture
def page(tmp_path):
    """The text for four families."""
    text = "# `conditional`: one for all\n\nProjection discriminator.\n"
    (tmp_path / "conditional.md").write_text(text)
    figures = {
        "vanilla": found(0.3, seconds=10.0, low=0.45, curve=[(0.5, 2.0), (1.0, 3.0)]),
        "conditional": found(0.01, seconds=160.0, curve=[(0.2, 1.0), (0.5, 4.0)]),
        "pix2pix": found(0.5, batches="paired"),
        "ppca": found(0.2, seconds=1.0, trained=False),
    }
    return families.markdown(figures, FACTS, tmp_path)


def test_names_who_is_behind_the_baseline(page):
    """A learnt noise family with a higher KID than ppca is named; translation is no such family."""
    assert "Of the 2 families that learn to make images from noise, 1 beat" in page
    assert "not so `vanilla`" in page


def test_compares_the_default_with_the_floor(page):
    """0.010 over 0.004 is 2.5."""
    assert "2.5 times the 95th percentile" in page
    assert "Lowest KID of the families that make images from noise: `conditional`" in page


def test_keeps_those_that_read_apart(tmp_path):
    """A family that needs attributes may be first, and the first that needs none is named too."""
    figures = {
        "conditional": found(0.02),
        "dcgan": found(0.03, batches="plain"),
        "stackgan": found(0.01, batches="text"),
    }
    page = families.markdown(figures, FACTS, tmp_path)
    assert "from noise: `stackgan` (0.010), then `conditional` (0.020)." in page
    assert "need no attributes of the scans: `conditional` (0.020), then `dcgan` (0.030)." in page
    del figures["stackgan"]
    assert "need no attributes" not in families.markdown(figures, FACTS, tmp_path)


def test_says_who_is_ahead_at_what_time(page):
    """The best score so far counts: vanilla's 2 is there after 5 s, conditional's 1 after 32."""
    assert "ahead is after 20 s `vanilla` (2.00), after 40 s `conditional` (1.00)" in page
    assert "was passed by `conditional`" in page


def test_says_which_labels_are_not_to_be_believed(page):
    """A lower bound at or below chance is told, others are not."""
    assert "- `vanilla` does not show the class it is asked for" in page
    assert "`pix2pix` does not show" not in page


def test_shows_held_out_images_first_and_takes_in_the_texts(page):
    """The floor's row, thousands in the table, and what somebody wrote about a family."""
    assert "| *real, held out* |" in page
    assert "1,234,567" in page
    section = page[page.index("## conditional") :]
    assert section.index("*one for all*") < section.index("Projection discriminator.")
    assert "# `conditional`" not in page


def test_takes_in_what_was_written_about_all(tmp_path):
    """Before the table; a family's text without a heading comes as it is."""
    (tmp_path / "about.md").write_text("Made of cubes.\n")
    (tmp_path / "dcgan.md").write_text("Round nodules.\nSome grain.\n")
    text = families.markdown({"dcgan": found(0.1)}, FACTS, tmp_path)
    assert text.index("Made of cubes.") < text.index("| family |")
    assert "Round nodules.\nSome grain.\n" in text[text.index("## dcgan") :]


def test_names_options_where_they_are_not_the_defaults(tmp_path):
    """In the family's section, and once at the top."""
    figures = {"dcgan": found(0.1), "vae": {**found(0.2), "options": {"ngf": 8, "steps": 90}}}
    page = families.markdown(figures, FACTS, tmp_path)
    assert "its default options, but for those that its section names, trained on" in page
    assert page.index("## vae") < page.index("Options: `ngf: 8`, `steps: 90`.")
    assert page.count("Options: ") == 1
    del figures["vae"]
    assert "its default options, trained on" in families.markdown(figures, FACTS, tmp_path)


def test_says_how_a_volume_is_shown(page, tmp_path):
    """Which slices a column holds; squares need no such words."""
    assert "A column is a volume" not in page
    volumes = {**FACTS, "size": "16x16x16"}
    assert "A column is a volume" in families.markdown({"dcgan": found(0.1)}, volumes, tmp_path)
