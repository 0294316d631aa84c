"""From text to token ids: tokenizer training, chat template, packing, shards.

What is trained on and what is masked is decided here.
Never imports torch.
"""
