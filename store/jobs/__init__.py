"""jobs: values, status machine, writes, history"""
