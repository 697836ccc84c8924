"""Broken inputs by the thousand: whatever is in a file or said by a host, nothing falls over.

scripts/fuzz --count 20000          # all targets, another seed every time
scripts/fuzz --seed 7 loader        # the same inputs again
scripts/fuzz --replay fuzz/failures/loader-1a2b3c4d
"""
