"""The playground: a page and an OpenAI-compatible endpoint over the models of a finished run. Thin; the knowledge is in pipeline/serve."""
