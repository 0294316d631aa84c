"""Repair damage done by scanners, sites and publishers, and mask personal data.

A repair takes a text and returns the new text and how often it changed it.
"""
