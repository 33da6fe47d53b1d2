"""costs panel and timings"""
