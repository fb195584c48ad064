-- Half a page for the next versions of its rows: a commit for every step writes all of them in one transaction, and what
-- finds no room on its page costs an entry in every index (figures: docs/performance.md). Pages that are written from now on.
alter table waypost.runs set (fillfactor = 50);
