"""What a model knows, said with a baseline and an interval.

Reads models, never trains.
Scores, tasks, win rates, contest.
"""
