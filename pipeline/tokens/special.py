"""The special tokens: names, ids and what each is for."""

ENDOFTEXT = "<|endoftext|>"  # bos: stands before every document and every dialogue
PAD = "<|pad|>"
SYSTEM = "<|system|>"
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
END = "<|end|>"  # ends a turn; generation stops here

IDS: dict[str, int] = {name: number for number, name in enumerate((ENDOFTEXT, PAD, SYSTEM, USER, ASSISTANT, END))}
ROLES: dict[str, int] = {"system": IDS[SYSTEM], "user": IDS[USER], "assistant": IDS[ASSISTANT]}
