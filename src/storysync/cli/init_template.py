"""What `storysync init` writes. A test loads it with every comment mark removed."""

TEMPLATE = """\
# Settings of the stories below this folder. Every line that is commented out shows a default.
# `storysync config show --origin` prints what holds, and where it comes from.

[project]
# path = "."              # folder of the stories, relative to this file
# id = "my-project"       # default: a slug of the folder's name
# name = "My project"

# [database]
# url = "sqlite:////absolute/path/storysync.db"   # default: in the state folder, outside of the stories

[reading]
# exclude = ["**/_template*", "**/README*"]       # Markdown files that are no stories; replaces the default
# ignore = [".git", "node_modules", ".venv", "vendor"]
# timezone = "UTC"
# id_scope = "project"    # or "folder": ids are unique only within their folder

# [reading.statuses]      # your words -> draft, backlog, todo, ready, in_progress, review, blocked,
# "in QA" = "review"      #               done, accepted, deferred, cancelled, unknown

# [reading.priorities]    # your words -> 0 (highest) to 4
# urgent = 0

# [reading.estimates]     # your sizes -> points
# XL = 8

# [reading.fields]        # your names of fields -> ours
# responsible = "owner"
"""
