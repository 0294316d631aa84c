"""What scanners, sites and publishers did to a text is undone, and personal data is masked.

One kind of repair a file: a text goes in, the text and how often it was mended come out.
"""
