# `make` alone prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
V := .venv/bin
STAGE ?= pretrain
JOBS ?= 1
N ?= 3
WORLDS ?= 1
A ?= HEAD
B ?= workspace
BUDGET ?= 30 min
BY ?= slurm
export RAW_DATA = $(value DATA)
export RAW_SET = $(value SET)
TARGET ?= data/input/own.jsonl
READY := .venv/.ready

.PHONY: help setup setup-cluster setup-lm-eval repro doctor smoke heal heal-lock test test-fast check fix groups chat play sandbox vote why verify card compare scores lm-eval sources sample size ladder launch queue seeds experiments report page publish gc logs save reset accept reproduce bench-chain bench-train bench-text bench-tokens bench-eval bench-alarms bench-latency bench-generation bench-align bench-export bench-onnx bench-pruning bench-gpu hurt gpu-check docs clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the newest Python that is here (or PYTHON=python3.12)

$(READY): requirements.lock requirements-cuda.lock
	@PYTHON="$(PYTHON)" apps/setup.sh
	@touch $(READY)

setup-cluster: setup ## add Ray, for hardware.engine=ray
	$(V)/pip install --quiet --requirement requirements-cluster.lock

setup-lm-eval: setup ## add lm-evaluation-harness, for make lm-eval
	$(V)/pip install --quiet --requirement requirements-lm-eval.lock

repro: heal-lock ## run the whole chain, on your own folder with DATA=DIR, with more values by SET='KEY=VALUE GROUP=FILE', and print its table
	@$(V)/python -m stages.plan --params --data "$$RAW_DATA" --set "$$RAW_SET"
	@git rev-parse --git-dir >/dev/null 2>&1 || $(V)/dvc config --local core.no_scm true  # a download without .git
	@$(V)/python -m apps.doctor --brief
	@PIPELINE_RUN=$${PIPELINE_RUN:-run-$$(date -u +%Y%m%d-%H%M%S)} $(V)/dvc repro
	@$(V)/python -m apps.heal --keep
	@$(V)/python -m apps.table

doctor: heal-lock ## what stands against a run, each with its mend, and what each stage takes here (DATA=DIR SET='KEY=VALUE GROUP=FILE', as for repro)
	@$(V)/python -m apps.doctor --data "$$RAW_DATA" --set "$$RAW_SET"

smoke: setup ## run the chain at size=smoke, in two minutes, and print its table (make reset goes back)
	@$(V)/python -m apps.heal
	@if git rev-parse --git-dir >/dev/null 2>&1; then PIPELINE_RUN=smoke $(V)/dvc exp run -S size=smoke && $(V)/python -m apps.table; \
	else $(MAKE) --no-print-directory repro SET=size=smoke; fi  # a download without .git has no experiments

heal: setup ## mend a dvc.lock that a kill has cut short, and damaged objects of DVC's cache; no finished stage is lost
	@$(V)/python -m apps.heal --cache

heal-lock: setup
	@$(V)/python -m apps.heal

test: setup ## run all tests, the smoke chain among them, on two cores
	$(V)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: setup ## run the tests without the chain
	$(V)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not smoke"

check: setup ## format, lint, types, import contracts
	$(V)/ruff format --check .
	$(V)/ruff check .
	$(V)/mypy
	$(V)/lint-imports

fix: setup ## format and mend what can be mended
	$(V)/ruff check --fix .
	$(V)/ruff format .

chat: setup ## talk to the aligned model (MODEL=dpo, or a folder, for another)
	@$(V)/python -m apps.chat $(if $(MODEL),"$(MODEL)")

play: setup ## the playground, a page for chat, tokens, loss, attention and blind votes, and an OpenAI endpoint, on this machine (PORT=8642)
	@$(V)/python -m apps.playground $(if $(PORT),--port "$(PORT)")

sandbox: setup ## sandbox.html, a page from disk: a small model that runs in the browser, lessons around it, the run's architecture (MODEL=FOLDER for another model)
	@$(V)/python -m apps.sandbox $(if $(MODEL),--model "$(MODEL)")

vote: setup ## which of two answers is better? blind, in the terminal; votes become preferences (MODELS='dpo ppo' VOTER=name)
	@$(V)/python -m apps.vote $(MODELS) $(if $(VOTER),--by "$(VOTER)")

why: setup ## tell the life of a document (ID=...)
	@$(V)/python -m apps.why "$(ID)"

verify: setup ## check an exported file against its manifest and dvc.lock, to the byte, and say what it is made of (FILE=...; without: all)
	@$(V)/python -m apps.verify $(if $(FILE),"$(FILE)")

card: setup ## card/: the exported folder with scores, hardware, cost (PRICE=$$ an hour) and energy (WATTS=) in its card; HUB=user/name pushes it
	@$(V)/python -m apps.card $(if $(PRICE),--price "$(PRICE)") $(if $(WATTS),--watts "$(WATTS)") $(if $(HUB),--hub "$(HUB)")

compare: setup ## what differs between runs, as table, comparison.html and .csv (A=HEAD B=workspace, or RUNS='HEAD exp-a exp-*': commits, experiments, clones, W&B runs; ALL=1: what is equal too)
	@set -f; $(V)/python -m apps.compare $(or $(RUNS),$(A) $(B)) $(if $(ALL),--all)

scores: setup ## which scores differ by more than noise, item by item (A=RUN B=RUN: revisions or folders; A=R1,R2 B=R3,R4: over seeds)
	@$(V)/python -m apps.scores $(A) $(B)

lm-eval: setup ## any TASKS of lm-evaluation-harness on MODEL (data/sft; MORE='--limit 100 --shots 5 --chat --include FOLDER'), after make setup-lm-eval
	@$(V)/python -m apps.lm_eval "$(or $(MODEL),data/sft)" "$(TASKS)" $(MORE)

sources: setup ## propose weights of the sources from the base model's loss on each
	@$(V)/python -m apps.why --sources

sample: setup ## write text with the base model, as a source (TARGET=data/input/own.jsonl)
	@$(V)/python -m apps.sample --target "$(TARGET)"

size: heal-lock ## from a budget on this machine to a size and its settings (BUDGET='30 min' | '1e15 flops' | '$$20' PRICE=2.50)
	@$(V)/python -m apps.size '$(BUDGET)' $(if $(PRICE),--price $(PRICE))

ladder: heal-lock ## smaller models of the same recipe, the scaling law that they follow, and what it foretells of the model: ladder.html
	@$(V)/python -m apps.ladder

launch: setup ## print the script that runs the chain in a job of Slurm, or the command that submits it to Ray (BY=ray)
	@$(V)/python -m apps.launch $(BY)

queue: heal-lock ## run the queued experiments (JOBS=2 at once; FAILED=1: those that failed, once more)
	@$(V)/python -m apps.queue --jobs $(JOBS) $(if $(FAILED),--failed)

seeds: heal-lock ## the same run on several seeds, and the spread of its figures (N=3 WORLDS=2 JOBS=1 SET='KEY=VALUE GROUP=FILE')
	@$(V)/python -m apps.seeds --seeds $(N) --worlds $(WORLDS) --jobs $(JOBS) --set "$$RAW_SET"

report: setup ## print the table of the last run
	@$(V)/python -m apps.table

page: setup ## report.html: the report with what passes: seconds, tokens a second, memory, cost (PRICE=$$ an hour), energy (WATTS=)
	@$(V)/python -m apps.page $(if $(PRICE),--price "$(PRICE)") $(if $(WATTS),--watts "$(WATTS)")
gc: setup ## the disk: what no run needs any more, work that lay for DAYS=7 too; removed with FREE=1 (KEEP=workspace: not what commits and experiments need)
	@$(V)/python -m apps.gc $(if $(KEEP),--keep "$(KEEP)") $(if $(DAYS),--days "$(DAYS)") $(if $(FREE),--free)

logs: setup ## what the last run of a stage said (STAGE=align/dpo); without: all stages, when they ran and for how long
	@$(V)/python -m apps.logs $(if $(filter file,$(origin STAGE)),,"$(STAGE)")

publish: setup ## send the finished run to W&B, skipped stages included
	@$(V)/python -m apps.publish

save: setup ## keep what is applied as conf/experiment/NAME.yaml (NAME=mine)
	@$(V)/python -m stages.plan --save "$(NAME)"

reset: setup ## drop an applied experiment: params.yaml as conf/ says
	@$(V)/python -m stages.plan --reset

groups: setup ## print the groups of conf/ and their files
	@$(V)/python -m stages._help

experiments: setup ## the experiments side by side: what was changed, and the headline figures that it moved
	@$(V)/python -m apps.experiments

accept: setup ## take what lies in data/ as the result of STAGE although its code changed (harmlessly)
	$(V)/dvc commit --force $(STAGE)

reproduce: setup ## run every stage again and compare dvc.lock with the one in git
	$(V)/dvc repro --force
	git diff --exit-code dvc.lock metrics metrics.json

bench-chain: setup ## time the chain in a clone of its own: full, no-op, smoke
	@$(V)/python -m benchmarks.chain

bench-train: setup ## bits a byte against CPU seconds, beside nanoGPT's recipe, on Shakespeare beside the checkout (TEXT=file)
	@$(V)/python -m benchmarks.train $(if $(TEXT),--text "$(TEXT)")

bench-text: setup ## compare the text stages with other tools (in a venv of their own)
	@$(V)/python -m benchmarks.text

bench-eval: setup ## compare how fast models are scored, ours and lm-evaluation-harness (in a venv of its own)
	@$(V)/python -m benchmarks.evaluation

bench-alarms: setup ## how often a model is called different from itself, of 200 comparisons (after make repro; MODEL=data/align/dpo for another)
	@$(V)/python -m benchmarks.alarms $(if $(MODEL),"$(MODEL)")

bench-latency: setup ## prefill and decode by batch: latency, throughput, and attention with and without a cache
	@$(V)/python -m benchmarks.latency

bench-generation: setup ## compare how fast answers are sampled, ours and transformers
	@$(V)/python -m benchmarks.generation

bench-align: setup ## compare how fast PPO and GRPO learn, ours and TRL's, and how fast answers are sampled (CHAIN=checkout with a finished chain)
	@$(V)/python -m benchmarks.align $(if $(CHAIN),--chain "$(CHAIN)")
	@$(V)/python -m benchmarks.generation

bench-tokens: setup ## compare how fast text becomes ids, ours, tiktoken (where installed) and tokenizers
	@$(V)/python -m benchmarks.tokens

bench-export: setup ## mean KL, bytes and seconds of every exported format, on the finished chain (FOLDER=. for that of another clone)
	@$(V)/python -m benchmarks.export $(if $(FOLDER),"$(FOLDER)")

bench-onnx: setup ## nodes, speed and logits of the ONNX files at each level of ONNX Runtime's optimization (FOLDER=.)
	@$(V)/python -m benchmarks.onnx_levels $(if $(FOLDER),"$(FOLDER)")

bench-pruning: setup ## what the aligned model loses with its weights: magnitude, Wanda, 2:4, neurons; a table and a plot (FOLDER=.)
	@$(V)/python -m benchmarks.pruning $(if $(FOLDER),"$(FOLDER)")

bench-gpu: setup ## time training on this machine's GPU: MFU, memory, precisions, documents apart, equal bits (8 minutes)
	@$(V)/python -m benchmarks.gpu

hurt: setup ## damage files, fill disks, kill runs, and count what is found, named, healed and equal afterwards
	@$(V)/python -m benchmarks.hurt $(ONLY)

gpu-check: setup ## try the chain on this machine's GPU and note what it gives
	@$(V)/python -m benchmarks.gpu_check

docs: setup ## draw the pipeline into README.md, and write docs/glossary.md
	@$(V)/python -m apps.drawing
	@$(V)/python -m apps.glossary

clean: ## remove what the pipeline made (not the cache of DVC)
	rm -rf .run plots metrics metrics.json $(shell sed -n 's|.*outs: \["\{0,1\}\(data/[a-z]*\).*|\1|p' dvc.yaml)
