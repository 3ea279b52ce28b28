"""How good families are after so many seconds."""

from __future__ import annotations

from pipeline.report.learning import best_after, curve_of, draw_learning


def test_the_curve_is_the_models_mean_at_equal_shares():
    """Two models, scored at half and at the end; rows without a score are none."""
    models = [
        [{"step": 5.0, "score": 1.0}, {"step": 7.0}, {"step": 10.0, "score": 3.0}],
        [{"step": 5.0, "score": 2.0}, {"step": 10.0, "score": 5.0}],
    ]
    assert curve_of(models, 10) == [[0.5, 1.5], [1.0, 4.0]]
    assert curve_of([[{"step": 5.0}]], 10) == []


def test_what_counts_is_the_best_so_far():
    """A training of 100 s scored at 50 and at 100 s."""
    found = {"seconds": 100.0, "curve": [(0.5, 1.0), (1.0, 2.0)]}
    assert best_after(found, 49.0) is None
    assert best_after(found, 50.0) == best_after(found, 100.0) == 1.0
    assert best_after({"seconds": 100.0}, 100.0) is None


def test_equal_figures_give_equal_pictures(tmp_path):
    """The bytes change with the curve, and not otherwise; a family without one is left out."""
    figures = {
        "a": {"seconds": 10.0, "curve": [(0.5, 1.0), (1.0, 0.5)]},
        "b": {"seconds": 1.0, "curve": []},
    }
    for name in ("one", "two"):
        draw_learning(figures, tmp_path / f"{name}.png", default="a")
    figures["a"]["curve"] = [(0.5, 1.0), (1.0, 0.1)]
    draw_learning(figures, tmp_path / "three.png", default="a")
    one, two, three = ((tmp_path / f"{n}.png").read_bytes() for n in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_nothing_to_draw_is_no_picture(tmp_path):
    """Only families that were not scored."""
    draw_learning({"b": {"seconds": 1.0, "curve": []}}, tmp_path / "none.png", default="a")
    assert not (tmp_path / "none.png").exists()
