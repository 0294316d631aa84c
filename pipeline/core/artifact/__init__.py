"""Typed paths: what flows from stage to stage.

One class a file, so that a change to one kind reruns only the stages that use it.
Each reads lazily, writes all or nothing, and checks itself when it is opened.
"""
