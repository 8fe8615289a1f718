"""tokit beside other tokenizer libraries: `python -m tests.bench encode --corpus FILE`.

A benchmark of one machine on one day: times differ between machines, what is identical should not.
Peers that are not installed are left out; the extra `bench` installs them all.
"""
