"""lm-evaluation-harness on items of ours: `python harness.py MODEL FOLDER KIND`, in the peers' venv.

Prints as JSON the CPU seconds of the evaluation alone (the model is loaded, the task made), and of each item its log-likelihoods, in the
order of the file. KIND is pairs, choice or rolling.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import torch
import yaml
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

BEGIN = "<|endoftext|>"  # stands before a context of ours as well
KINDS = {
    "pairs": {
        "output_type": "multiple_choice",
        "doc_to_text": "",
        "doc_to_choice": "{{[sentence_good, sentence_bad]}}",
        "doc_to_target": 0,
        "target_delimiter": "",
        "metric_list": [{"metric": "acc"}],
    },
    "choice": {
        "output_type": "multiple_choice",
        "doc_to_text": BEGIN + "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices.text}}",
        "doc_to_target": 0,
        "target_delimiter": " ",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    },
    "rolling": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [{"metric": "bits_per_byte"}],
    },
}


def main() -> None:
    """One kind."""
    model, folder, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    own = folder / "tasks" / kind
    own.mkdir(parents=True, exist_ok=True)
    task = {
        "task": kind,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / f"{kind}.jsonl")}},
        "test_split": "test",
    }
    (own / f"{kind}.yaml").write_text(yaml.safe_dump(task | KINDS[kind]))
    lm = HFLM(pretrained=str(model), batch_size=64, max_length=256, device="cpu", dtype="float32")
    tasks = TaskManager(include_path=str(own), include_defaults=False)
    began = time.process_time()
    found = simple_evaluate(model=lm, tasks=[kind], task_manager=tasks, bootstrap_iters=0, log_samples=True)
    seconds = time.process_time() - began
    samples = sorted(found["samples"][kind], key=lambda one: one["doc_id"])
    values = [[float(one[0] if isinstance(one, list | tuple) else one) for one in sample["filtered_resps"]] for sample in samples]
    print(json.dumps({"seconds": seconds, "values": values}))


if __name__ == "__main__":
    main()
