"""project list, picking and creating projects"""
