"""Asyncio tools, and files that only their owner may read."""
