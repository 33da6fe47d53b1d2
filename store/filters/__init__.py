"""The filter language: text to `JobFilter` and back, and completion while typing.

Example: `status:failed,running cost:>50 -mode:packaging timeout`. A space means AND, a comma means OR, and a minus
means NOT. A bare word is searched in mode, error and ids. `filter_terms.KEYS` lists the keys.
"""
