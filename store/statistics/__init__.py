"""counts, costs and timings"""
