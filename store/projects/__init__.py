"""projects and their assets"""
