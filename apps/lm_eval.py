"""Any task of lm-evaluation-harness on any stage's model: `python -m apps.lm_eval data/sft blimp,gsm8k`.

[--limit ITEMS] [--shots N] [--chat] [--include FOLDER with task files of your own] [--out FILE.json]

The harness downloads what its tasks ask (`HF_HUB_OFFLINE=1`: only what lies in its cache). Every text begins with the token that began
documents in training. Log-likelihoods are those of the tasks of the same items in conf/tasks.
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.core.artifact.model import Model
from pipeline.core.errors import PipelineError
from pipeline.core.files import write_json
from pipeline.core.owned import MANIFEST

DEFAULT = "data/sft"


def main() -> None:
    """Evaluate, print the harness's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a model: data/pretrain, data/sft, data/align/NAME, data/candidates/NAME")
    parser.add_argument("tasks", help="names of the harness, by commas")
    parser.add_argument("--limit", type=int, help="items of each task, the first ones")
    parser.add_argument("--shots", type=int, help="solved examples before each item; default: as the task has it")
    parser.add_argument("--chat", action="store_true", help="ask by the model's chat template")
    parser.add_argument("--include", type=Path, help="folder with task files of your own")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, help="where the whole result goes as JSON")
    options = parser.parse_args()
    try:
        found = evaluated(options)
    except PipelineError as fault:
        sys.exit(f"lm-eval: {fault}")
    from lm_eval.utils import make_table

    print(make_table(found))
    if options.out:
        write_json(options.out, {"results": found["results"], "versions": found["versions"], "n-shot": found["n-shot"]})


def evaluated(options: argparse.Namespace) -> dict[str, Any]:
    """What the harness's simple_evaluate gives. PipelineError without the harness, for a folder that is no model, and for unknown tasks."""
    if find_spec("lm_eval") is None:
        raise PipelineError("lm-evaluation-harness is not installed", mend="make setup-lm-eval")
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    names = [name for name in options.tasks.split(",") if name]
    manager = TaskManager(include_path=str(options.include) if options.include else None)
    if unknown := sorted(set(names) - set(manager.all_tasks)) or ([] if names else ["nothing"]):
        mend = f"names of {sys.executable} -m lm_eval ls tasks, or --include FOLDER (INCLUDE=FOLDER)"
        raise PipelineError(f"the harness has no task {', '.join(unknown)}", mend=mend)
    module = loaded(options.model, device=options.device)
    window = int(module.config.max_position_embeddings)
    reader: Any = HFLM(
        pretrained=module,
        tokenizer=beginning(options.model),
        batch_size=options.batch,
        max_length=window,
        device=options.device,
        add_bos_token=True,
    )
    how: dict[str, Any] = {"limit": options.limit, "num_fewshot": options.shots, "apply_chat_template": options.chat}
    found: dict[str, Any] = simple_evaluate(model=reader, tasks=names, task_manager=manager, log_samples=True, **how)
    return found


def loaded(folder: Path, *, device: str) -> Any:
    """The language model, of a stage or of other people."""
    from pipeline.model.candidate import load_candidate
    from pipeline.model.disk import load

    if not (folder / "config.json").is_file():
        raise PipelineError(f"{folder} is no folder of a model", mend=f"a folder that a stage has made, {DEFAULT}: make repro")
    stage_has_made_it = (folder / MANIFEST).is_file()
    return load(Model(folder), device=device) if stage_has_made_it else load_candidate(folder, device=device)


def beginning(folder: Path) -> Any:
    """The model's tokenizer for the harness: asked for special tokens, it sets the one that begins a text before it."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    found: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)  # type: ignore[no-untyped-call]
    if (first := found.bos_token) and found.encode("a")[0] != found.bos_token_id:
        found.backend_tokenizer.post_processor = TemplateProcessing(single=[first, "$A"], special_tokens=[(first, found.bos_token_id)])
    return found


if __name__ == "__main__":
    main()
