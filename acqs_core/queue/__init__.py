"""The central table and its sidecars. The only package that speaks SQL, so that every rule a statement must keep
(design §3: one statement, autocommit, guarded, by key) has one place to be kept and one place to be tested."""
