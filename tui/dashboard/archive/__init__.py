"""archived jobs and clean-up"""
