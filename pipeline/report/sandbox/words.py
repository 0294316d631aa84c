"""The words of the sandbox: what each lesson says before its desk, and what to read."""

LESSONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (  # id, title, paragraphs
    (
        "play",
        "Ask it",
        (
            "Write up to ten characters or take a preset. Forward draws what the model thinks comes next. Loss checks it against what you "
            "wrote. Sample lets it go on by lot, one character at a time; the same seed gives the same text.",
        ),
    ),
    (
        "data",
        "Data",
        (
            "Nobody tells the model what is right: the text does. Every place in it is an example, with what stands before as the question "
            "and the next character as the answer. Before each document stands one more token, STOP, which is also what its end foretells.",
        ),
    ),
    (
        "forward",
        "Forward",
        (
            "The characters become vectors, the vectors meet each other in a few layers, and the last one is compared with the vector of "
            "every character. Softmax turns the results into probabilities. The more it may read, the surer it is.",
        ),
    ),
    (
        "loss",
        "Loss",
        (
            "One number for how wrong that was: minus the logarithm of the probability of the true character. Certain and right costs "
            "nothing, certain and wrong costs without limit. Training makes the mean of it small, and does nothing else.",
        ),
    ),
    (
        "sample",
        "Sample",
        (
            "To write, a model draws from its own probabilities, appends, and asks again. Temperature divides the logits first: below 1 "
            "the likely gets likelier, above 1 the rest gets its chance. Draw often, and the shares become the bars.",
        ),
    ),
    (
        "tokens",
        "Tokens",
        (
            "Larger models read pieces instead of characters, so that a row holds more. Byte-pair encoding begins with bytes and joins the "
            "commonest pair of neighbours, again and again. Move back through the merges and watch words fall apart.",
        ),
    ),
    (
        "gradients",
        "Gradients",
        (
            "Which way should a weight move? Nudge it and see: that is a finite difference, and costs two runs for each weight. The chain "
            "rule finds all slopes in one walk back through the network. Where both agree, the walk was programmed well.",
        ),
    ),
    (
        "attention",
        "Attention",
        (
            "Each position asks the ones before it, and takes a weighted mean of what they offer. The weights below are those of the model "
            "on this page. Some heads look one back, some at where the word or sentence began; many do nothing that has a name.",
        ),
    ),
    (
        "training",
        "The loop",
        (
            "Forward, loss, gradient, step; and again. This network knows only the character before. A row of its embedding gets a "
            "gradient only if the sentence has its character. Adam steps by the mean gradient over its usual size, and a mean "
            "remembers: after another sentence, rows that it does not have still coast for a while.",
        ),
    ),
    (
        "architecture",
        "Architecture",
        ("All that a model is: matrices, and the order in which vectors pass them. Each layer adds to what flows by; none replaces it.",),
    ),
    (
        "stages",
        "Stages",
        ("From raw text to an assistant: what each stage of the pipeline does with the model, and what the last run measured.",),
    ),
)
READING: tuple[tuple[str, str], ...] = (
    ("Shannon 1951", "Prediction and Entropy of Printed English"),
    ("Bengio et al. 2003", "A Neural Probabilistic Language Model"),
    ("Baydin et al. 2018", "Automatic Differentiation in Machine Learning: a Survey"),
    ("Kingma and Ba 2015", "Adam: A Method for Stochastic Optimization"),
    ("Sennrich et al. 2016", "Neural Machine Translation of Rare Words with Subword Units"),
    ("Vaswani et al. 2017", "Attention Is All You Need"),
    ("Su et al. 2021", "RoFormer: Enhanced Transformer with Rotary Position Embedding"),
    ("Zhang and Sennrich 2019", "Root Mean Square Layer Normalization"),
    ("Shazeer 2020", "GLU Variants Improve Transformer"),
    ("Ouyang et al. 2022", "Training Language Models to Follow Instructions with Human Feedback"),
    ("Rafailov et al. 2023", "Direct Preference Optimization"),
    ("Frantar et al. 2023", "GPTQ: Accurate Post-Training Quantization"),
)
