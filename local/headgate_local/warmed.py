"""Loaded last into the fork server of the warm pool: from now on it only waits and forks."""

from headgate_local.idle import release_file_pages

release_file_pages()
