"""From text to token ids: tokenizer training, chat template, packing, shards.

The loss masks are defined here.
Never imports torch.
"""
