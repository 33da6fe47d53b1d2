"""which worker holds which job"""
