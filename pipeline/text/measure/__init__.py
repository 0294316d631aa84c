"""Statistics of documents, and rules, language, toxicity and a learned score that judge by them."""
