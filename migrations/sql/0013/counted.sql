-- gjobs reads the groups of the rollups only with this comment.
comment on function gjobs.error_group(text) is 'error groups of revision 0013';
