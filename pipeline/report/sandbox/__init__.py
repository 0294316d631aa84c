"""The page of `make sandbox`: a small model that runs in the browser, and lessons around it.

JavaScript in small modules, written into one file without a build step; page.py joins them.
"""
