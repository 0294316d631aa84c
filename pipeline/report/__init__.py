"""From metrics to what people look at: the table and the page.

One self-contained HTML file.
Computes no score of its own.
"""
