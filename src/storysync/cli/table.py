"""Every command and its one line of help, so that `--help` imports none of them."""

from __future__ import annotations

COMMANDS = {
    "init": "Write a commented storysync.toml here, or copy sample stories.",
    "sync": "Make the database equal to the story files, once.",
    "run": "Keep the database equal to the story files until stopped.",
    "check": "List what is wrong in story files; touches no database.",
    "verify": "Rebuild from the files in a scratch database and compare.",
    "list": "List stories, narrowed by status, label, owner and more.",
    "show": "Show one story with its edges, criteria and problems.",
    "ready": "List the stories that can be started now.",
    "blocked": "List the stories that wait for something, and for what.",
    "status": "Count stories, files and problems of each project.",
    "health": "Run the health checks.",
    "metrics": "Print all metrics in the text format of Prometheus.",
    "jobs": "Show the periodic jobs of the daemon, or run one now.",
    "reload": "Have the running daemon apply changed settings.",
    "doctor": "Explain the state of everything, and name the next command.",
    "backup": "Make, list, prove, restore and remove backups.",
    "sql": "Ask the database one question in SQL.",
    "db": "Upgrade, downgrade, show, copy or digest the database.",
    "config": "Show the settings and where each comes from.",
    "service": "Install, remove or look at storysync as a service of systemd.",
    "completion": "Print the completion script of a shell.",
}
"""Command -> one line of help. The module `storysync.cli.NAME` holds it as `command`."""
