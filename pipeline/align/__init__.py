"""From a base model to an assistant: sft, reward, dpo, ppo.

Each method is one short file.
The only room that knows trl.
"""
