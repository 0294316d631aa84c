"""Loss against bytes on disk: every file of every entry, beside what plain rounding makes."""

from typing import Any

from pipeline.report.blocks import Figures
from pipeline.report.files import loss_curves, loss_figure

ENTRIES: dict[str, Any] = {
    "transformers": {"fp32": {"perplexity": 3.0}, "safetensors": {"bytes": 4000, "kl": 0.0, "perplexity": 3.0}},
    "gguf": {
        "fp32": {"perplexity": 3.0},
        "Q8_0": {"bytes": 1000, "kl": 4e-5, "rounding": {"kl": 4e-5, "mean_logit": 0.1}, "mean_logit": 0.1},
        "Q4_0": {"bytes": 600, "kl": 0.003, "rounding": {"kl": 0.006, "mean_logit": 0.1}, "mean_logit": 0.1},
        "dropped": {"Q4_K": {"faults": ["x"], "mend": "y"}},
    },
    "onnx": {"fp32": {"perplexity": 3.0}, "onnx q4": {"bytes": 700, "kl": 0.004, "rounding": {"kl": 0.007}}},
}


def test_each_entry_is_a_curve_through_its_files_and_plain_rounding_one_beside_it() -> None:
    curves = {curve.name: list(curve.points) for curve in loss_curves(ENTRIES)}
    assert curves == {
        "gguf": [(600, 0.003), (1000, 4e-5)],
        "gguf, rounded to nearest": [(600, 0.006)],
        "onnx": [(700, 0.004)],
        "onnx, rounded to nearest": [(700, 0.007)],
    }


def test_the_page_draws_it_where_there_are_two_sizes_to_compare() -> None:
    def drawn(entries: dict[str, Any]) -> list[Figures]:
        return [block for block in loss_figure(entries) if isinstance(block, Figures)]

    (figures,) = drawn(ENTRIES)
    assert "Loss against bytes on disk" in figures.figures[0]
    assert drawn({"onnx": ENTRIES["onnx"]}) == drawn({"transformers": ENTRIES["transformers"]}) == []
