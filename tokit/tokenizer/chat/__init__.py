"""Chat templates: those that tokit knows, their place in a folder, and conversations as ids.

A template is Jinja, as transformers renders it; `{% generation %}` marks what the assistant writes.
"""
