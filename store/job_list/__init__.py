"""the ordered, filtered list of jobs"""
