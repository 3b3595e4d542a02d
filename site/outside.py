"""Turns links to files outside of docs/ into links to the repository, where a reader of the site finds them."""

import posixpath
import re

LINK = re.compile(r"(\]\()(\.\.?/[^)#\s]*|[^)#\s:]+)((?:#[^)\s]*)?\))")


def on_page_markdown(markdown, page, config, files):
    folder = posixpath.dirname(page.file.src_uri)

    def link(match):
        target = posixpath.normpath(posixpath.join("docs", folder, match[2]))
        if target.startswith("docs/") and files.get_file_from_path(target[len("docs/"):]):
            return match[0]
        return f"{match[1]}{config.repo_url.rstrip('/')}/blob/main/{target}{match[3]}"

    return LINK.sub(link, markdown)
