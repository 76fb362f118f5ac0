CREATE TABLE storysync_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT storysync_version_pkc PRIMARY KEY (version_num)
)
;
CREATE TABLE backups (
	id INTEGER NOT NULL, 
	"trigger" TEXT NOT NULL, 
	file TEXT, 
	size BIGINT, 
	digest TEXT, 
	started_at VARCHAR(27) NOT NULL, 
	finished_at VARCHAR(27) NOT NULL, 
	verified_at VARCHAR(27), 
	state TEXT NOT NULL, 
	message TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_backups_state CHECK (state = 'good' OR state = 'failed')
)
;
CREATE TABLE foreign_stories (
	project_id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	state TEXT NOT NULL, 
	id TEXT, 
	title TEXT NOT NULL, 
	status TEXT, 
	path TEXT NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (project_id, "key"), 
	CONSTRAINT ck_foreign_stories_status CHECK (status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'), 
	CONSTRAINT ck_foreign_stories_state CHECK (state = 'resolved' OR state = 'dangling' OR state = 'ambiguous')
)
;
CREATE TABLE health_checks (
	id INTEGER NOT NULL, 
	checked_at VARCHAR(27) NOT NULL, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	latency_ms FLOAT, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_health_checks_state CHECK (state = 'ok' OR state = 'warn' OR state = 'fail')
)
;
CREATE TABLE projects (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	repository_url TEXT, 
	submodule_path TEXT, 
	default_branch TEXT, 
	head_commit TEXT, 
	status TEXT DEFAULT 'active' NOT NULL, 
	owner TEXT, 
	created_on DATE, 
	settings JSON DEFAULT '{}' NOT NULL, 
	metadata JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_projects_status CHECK (status = 'active' OR status = 'archived' OR status = 'maintenance')
)
;
CREATE TABLE backlogs (
	project_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	type TEXT DEFAULT 'standard' NOT NULL, 
	status TEXT DEFAULT 'active' NOT NULL, 
	path_prefix TEXT DEFAULT '' NOT NULL, 
	owner TEXT, 
	metadata JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (project_id, id), 
	CONSTRAINT ck_backlogs_type CHECK (type = 'standard' OR type = 'sprint' OR type = 'team' OR type = 'archive' OR type = 'personal'), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
;
CREATE TABLE files (
	project_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	path_raw BLOB, 
	dev BIGINT, 
	inode BIGINT, 
	size BIGINT, 
	mtime_ns BIGINT, 
	ctime_ns BIGINT, 
	content_hash TEXT, 
	state TEXT NOT NULL, 
	PRIMARY KEY (project_id, path), 
	CONSTRAINT ck_files_state CHECK (state = 'story' OR state = 'broken' OR state = 'excluded' OR state = 'not_a_story' OR state = 'second_source'), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
 WITHOUT ROWID


;
CREATE TABLE identities (
	uid INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	project_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	anchor TEXT DEFAULT '' NOT NULL, 
	"key" TEXT, 
	content_hash TEXT, 
	gone_at VARCHAR(27), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
;
CREATE TABLE problems (
	id INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	line INTEGER DEFAULT 0 NOT NULL, 
	col INTEGER DEFAULT 0 NOT NULL, 
	severity TEXT NOT NULL, 
	code TEXT NOT NULL, 
	message TEXT NOT NULL, 
	hint TEXT DEFAULT '' NOT NULL, 
	first_seen_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_problems_severity CHECK (severity = 'error' OR severity = 'warning' OR severity = 'info'), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
;
CREATE TABLE project_dependencies (
	from_project_id TEXT NOT NULL, 
	to_project_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	edge_count INTEGER DEFAULT 0 NOT NULL, 
	declared BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (from_project_id, to_project_id, kind), 
	CONSTRAINT ck_project_dependencies_kind CHECK (kind = 'depends_on' OR kind = 'parent' OR kind = 'related' OR kind = 'duplicates' OR kind = 'supersedes' OR kind = 'conflicts'), 
	FOREIGN KEY(from_project_id) REFERENCES projects (id), 
	FOREIGN KEY(to_project_id) REFERENCES projects (id)
)
;
CREATE TABLE project_members (
	project_id TEXT NOT NULL, 
	member_id TEXT NOT NULL, 
	member_type TEXT DEFAULT 'user' NOT NULL, 
	role TEXT DEFAULT 'member' NOT NULL, 
	joined_on DATE, 
	PRIMARY KEY (project_id, member_id), 
	CONSTRAINT ck_project_members_member_type CHECK (member_type = 'user' OR member_type = 'team' OR member_type = 'role'), 
	CONSTRAINT ck_project_members_role CHECK (role = 'owner' OR role = 'admin' OR role = 'member' OR role = 'viewer'), 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
;
CREATE TABLE roots (
	project_id TEXT NOT NULL, 
	host TEXT DEFAULT '' NOT NULL, 
	real_path TEXT NOT NULL, 
	st_dev BIGINT, 
	st_ino BIGINT, 
	state TEXT DEFAULT 'loading' NOT NULL, 
	last_full_scan_at VARCHAR(27), 
	PRIMARY KEY (project_id), 
	CONSTRAINT ck_roots_state CHECK (state = 'loading' OR state = 'live' OR state = 'degraded' OR state = 'lost'), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	CONSTRAINT ux_roots_place UNIQUE (host, real_path)
)
;
CREATE TABLE syncs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	project_id TEXT NOT NULL, 
	"trigger" TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	finished_at VARCHAR(27) NOT NULL, 
	read_count INTEGER DEFAULT 0 NOT NULL, 
	put_count INTEGER DEFAULT 0 NOT NULL, 
	moved_count INTEGER DEFAULT 0 NOT NULL, 
	removed_count INTEGER DEFAULT 0 NOT NULL, 
	stale_count INTEGER DEFAULT 0 NOT NULL, 
	held_count INTEGER DEFAULT 0 NOT NULL, 
	FOREIGN KEY(project_id) REFERENCES projects (id)
)
;
CREATE TABLE changes (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at VARCHAR(27) NOT NULL, 
	sync_id BIGINT NOT NULL, 
	identity INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	story_id TEXT, 
	operation TEXT NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	CONSTRAINT ck_changes_operation CHECK (operation = 'create' OR operation = 'update' OR operation = 'move' OR operation = 'stale' OR operation = 'remove'), 
	FOREIGN KEY(identity) REFERENCES identities (uid), 
	FOREIGN KEY(sync_id) REFERENCES syncs (id)
)
;
CREATE TABLE status_history (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	identity INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	story_id TEXT, 
	old_status TEXT, 
	new_status TEXT, 
	old_raw TEXT, 
	new_raw TEXT, 
	changed_by TEXT, 
	changed_at VARCHAR(27) NOT NULL, 
	commit_sha TEXT, 
	path TEXT NOT NULL, 
	source TEXT DEFAULT 'worktree' NOT NULL, 
	on_head BOOLEAN DEFAULT 1 NOT NULL, 
	notes TEXT, 
	CONSTRAINT ck_status_history_new_status CHECK (new_status = 'draft' OR new_status = 'backlog' OR new_status = 'todo' OR new_status = 'ready' OR new_status = 'in_progress' OR new_status = 'review' OR new_status = 'blocked' OR new_status = 'done' OR new_status = 'accepted' OR new_status = 'deferred' OR new_status = 'cancelled' OR new_status = 'unknown'), 
	CONSTRAINT ck_status_history_old_status CHECK (old_status = 'draft' OR old_status = 'backlog' OR old_status = 'todo' OR old_status = 'ready' OR old_status = 'in_progress' OR old_status = 'review' OR old_status = 'blocked' OR old_status = 'done' OR old_status = 'accepted' OR old_status = 'deferred' OR old_status = 'cancelled' OR old_status = 'unknown'), 
	CONSTRAINT ck_status_history_source CHECK (source = 'commit' OR source = 'worktree'), 
	FOREIGN KEY(identity) REFERENCES identities (uid)
)
;
CREATE TABLE stories (
	uid INTEGER NOT NULL, 
	project_id TEXT NOT NULL, 
	backlog_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	anchor TEXT DEFAULT '' NOT NULL, 
	scope TEXT DEFAULT '' NOT NULL, 
	id TEXT, 
	"key" TEXT, 
	id_source TEXT NOT NULL, 
	id_line INTEGER DEFAULT 0 NOT NULL, 
	id_col INTEGER DEFAULT 0 NOT NULL, 
	dialect TEXT NOT NULL, 
	kind TEXT DEFAULT 'story' NOT NULL, 
	title TEXT NOT NULL, 
	epic TEXT, 
	status TEXT, 
	status_raw TEXT, 
	status_note TEXT, 
	status_line INTEGER DEFAULT 0 NOT NULL, 
	priority INTEGER, 
	priority_raw TEXT, 
	estimate_points FLOAT, 
	estimate_unit TEXT, 
	estimate_raw TEXT, 
	branch_name TEXT, 
	owner TEXT, 
	author TEXT, 
	sprint TEXT, 
	created_on DATE, 
	created_at VARCHAR(27), 
	updated_on DATE, 
	updated_at VARCHAR(27), 
	completed_on DATE, 
	completed_at VARCHAR(27), 
	user_role TEXT, 
	user_want TEXT, 
	user_benefit TEXT, 
	body TEXT DEFAULT '' NOT NULL, 
	content_hash TEXT NOT NULL, 
	metadata JSON DEFAULT '{}' NOT NULL, 
	parse_state TEXT DEFAULT 'good' NOT NULL, 
	stale_since VARCHAR(27), 
	contested BOOLEAN DEFAULT 0 NOT NULL, 
	first_seen_at VARCHAR(27) NOT NULL, 
	synced_at VARCHAR(27) NOT NULL, 
	PRIMARY KEY (uid), 
	CONSTRAINT ck_stories_stale CHECK ((parse_state = 'stale') = (stale_since IS NOT NULL)), 
	CONSTRAINT ck_stories_estimate_unit CHECK (estimate_unit = 'points' OR estimate_unit = 'size' OR estimate_unit = 'hours' OR estimate_unit = 'tokens'), 
	CONSTRAINT ck_stories_id_source CHECK (id_source = 'front_matter' OR id_source = 'yaml_comment' OR id_source = 'header' OR id_source = 'h1' OR id_source = 'file_name' OR id_source = 'folder' OR id_source = 'list_item' OR id_source = 'none'), 
	CONSTRAINT ck_stories_kind CHECK (kind = 'story' OR kind = 'epic' OR kind = 'feature' OR kind = 'task' OR kind = 'bug' OR kind = 'spike' OR kind = 'requirement' OR kind = 'spec'), 
	CONSTRAINT ck_stories_parse_state CHECK (parse_state = 'good' OR parse_state = 'stale'), 
	CONSTRAINT ck_stories_status CHECK (status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'), 
	CONSTRAINT ck_stories_key CHECK ((id IS NULL) = (key IS NULL)), 
	CONSTRAINT ck_stories_priority CHECK (priority BETWEEN 0 AND 4), 
	FOREIGN KEY(project_id, backlog_id) REFERENCES backlogs (project_id, id), 
	FOREIGN KEY(uid) REFERENCES identities (uid), 
	CONSTRAINT ux_stories_place UNIQUE (project_id, path, anchor)
)
;
CREATE TABLE criteria (
	story_uid INTEGER NOT NULL, 
	section TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	depth INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	done BOOLEAN, 
	line INTEGER NOT NULL, 
	PRIMARY KEY (story_uid, section, position), 
	CONSTRAINT ck_criteria_section CHECK (section = 'acceptance' OR section = 'definition_of_done' OR section = 'tasks' OR section = 'other'), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE CASCADE
)
 WITHOUT ROWID


;
CREATE TABLE story_dependencies (
	story_uid INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	relation TEXT NOT NULL, 
	raw TEXT NOT NULL, 
	line INTEGER NOT NULL, 
	col INTEGER NOT NULL, 
	target_project TEXT NOT NULL, 
	target_id TEXT, 
	target_key TEXT, 
	target_path TEXT, 
	target_uid INTEGER, 
	kind TEXT NOT NULL, 
	dependent_uid INTEGER, 
	prerequisite_uid INTEGER, 
	state TEXT DEFAULT 'dangling' NOT NULL, 
	"match" TEXT, 
	confidence TEXT DEFAULT 'declared' NOT NULL, 
	in_range BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (story_uid, ordinal), 
	CONSTRAINT ck_story_dependencies_target CHECK ((state = 'resolved' OR state = 'self') = (target_uid IS NOT NULL)), 
	CONSTRAINT ck_story_dependencies_confidence CHECK (confidence = 'declared' OR confidence = 'prose'), 
	CONSTRAINT ck_story_dependencies_kind CHECK (kind = 'depends_on' OR kind = 'parent' OR kind = 'related' OR kind = 'duplicates' OR kind = 'supersedes' OR kind = 'conflicts'), 
	CONSTRAINT ck_story_dependencies_match CHECK (match = 'exact' OR match = 'case' OR match = 'key' OR match = 'alias' OR match = 'prefix' OR match = 'heading' OR match = 'path' OR match = 'ancestor'), 
	CONSTRAINT ck_story_dependencies_relation CHECK (relation = 'depends_on' OR relation = 'blocks' OR relation = 'parent' OR relation = 'child' OR relation = 'related' OR relation = 'duplicates' OR relation = 'supersedes' OR relation = 'conflicts'), 
	CONSTRAINT ck_story_dependencies_state CHECK (state = 'resolved' OR state = 'dangling' OR state = 'ambiguous' OR state = 'external' OR state = 'self'), 
	CONSTRAINT ck_story_dependencies_ends CHECK ((dependent_uid IS NULL OR dependent_uid = story_uid OR dependent_uid = target_uid) AND (prerequisite_uid IS NULL OR prerequisite_uid = story_uid OR prerequisite_uid = target_uid)), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE CASCADE, 
	FOREIGN KEY(target_uid) REFERENCES stories (uid)
)
 WITHOUT ROWID


;
CREATE TABLE story_labels (
	story_uid INTEGER NOT NULL, 
	label TEXT NOT NULL, 
	PRIMARY KEY (story_uid, label), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE CASCADE
)
 WITHOUT ROWID


;
CREATE TABLE story_names (
	story_uid INTEGER NOT NULL, 
	source TEXT NOT NULL, 
	name TEXT NOT NULL, 
	project_id TEXT NOT NULL, 
	PRIMARY KEY (story_uid, source, name), 
	CONSTRAINT ck_story_names_source CHECK (source = 'id' OR source = 'stem' OR source = 'alias' OR source = 'prefix' OR source = 'heading'), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE CASCADE
)
 WITHOUT ROWID


;
CREATE TABLE status_claims (
	project_id TEXT NOT NULL, 
	path TEXT NOT NULL, 
	name TEXT NOT NULL, 
	"key" TEXT, 
	raw TEXT NOT NULL, 
	status TEXT, 
	line INTEGER NOT NULL, 
	col INTEGER NOT NULL, 
	story_uid INTEGER, 
	stale BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (project_id, path, name), 
	CONSTRAINT ck_status_claims_status CHECK (status = 'draft' OR status = 'backlog' OR status = 'todo' OR status = 'ready' OR status = 'in_progress' OR status = 'review' OR status = 'blocked' OR status = 'done' OR status = 'accepted' OR status = 'deferred' OR status = 'cancelled' OR status = 'unknown'), 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE SET NULL
)
 WITHOUT ROWID


;
CREATE TABLE story_people (
	story_uid INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	handle TEXT, 
	email TEXT, 
	PRIMARY KEY (story_uid, role, position), 
	CONSTRAINT ck_story_people_role CHECK (role = 'author' OR role = 'owner' OR role = 'assignee'), 
	FOREIGN KEY(story_uid) REFERENCES stories (uid) ON DELETE CASCADE
)
 WITHOUT ROWID


;
CREATE TABLE jobs (
	name TEXT NOT NULL, 
	"trigger" TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	finished_at VARCHAR(27) NOT NULL, 
	succeeded_at VARCHAR(27), 
	state TEXT NOT NULL, 
	message TEXT DEFAULT '' NOT NULL, 
	failures INTEGER DEFAULT 0 NOT NULL, 
	PRIMARY KEY (name), 
	CONSTRAINT ck_jobs_state CHECK (state = 'good' OR state = 'failed' OR state = 'late')
)
 WITHOUT ROWID


;
CREATE TABLE incidents (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at VARCHAR(27) NOT NULL, 
	kind TEXT NOT NULL, 
	message TEXT NOT NULL, 
	acknowledged_at VARCHAR(27), 
	CONSTRAINT ck_incidents_kind CHECK (kind = 'recovered' OR kind = 'restored' OR kind = 'damaged')
)
;
CREATE INDEX ix_health_checks_time ON health_checks (checked_at)
;
CREATE INDEX ix_identities_tombstones ON identities (project_id, "key", gone_at) WHERE gone_at IS NOT NULL
;
CREATE UNIQUE INDEX ux_identities_live ON identities (project_id, path, anchor) WHERE gone_at IS NULL
;
CREATE INDEX ix_problems_code ON problems (code)
;
CREATE INDEX ix_problems_path ON problems (project_id, path)
;
CREATE INDEX ix_changes_identity ON changes (identity)
;
CREATE INDEX ix_changes_sync ON changes (sync_id)
;
CREATE INDEX ix_status_history_story ON status_history (identity, changed_at)
;
CREATE INDEX ix_status_history_time ON status_history (project_id, changed_at)
;
CREATE INDEX ix_stories_backlog ON stories (project_id, backlog_id)
;
CREATE INDEX ix_stories_stale ON stories (project_id, path) WHERE parse_state = 'stale'
;
CREATE INDEX ix_stories_status ON stories (status, priority)
;
CREATE INDEX ix_story_dependencies_dependent ON story_dependencies (dependent_uid, kind)
;
CREATE INDEX ix_story_dependencies_key ON story_dependencies (target_project, target_key)
;
CREATE INDEX ix_story_dependencies_path ON story_dependencies (target_project, target_path) WHERE target_path IS NOT NULL
;
CREATE INDEX ix_story_dependencies_prerequisite ON story_dependencies (prerequisite_uid, kind)
;
CREATE INDEX ix_story_dependencies_target ON story_dependencies (target_uid)
;
CREATE INDEX ix_story_labels_label ON story_labels (label)
;
CREATE INDEX ix_story_names_lookup ON story_names (project_id, name)
;
CREATE INDEX ix_status_claims_story ON status_claims (story_uid)
;
CREATE VIEW v_stories AS
SELECT s.uid, s.project_id, p.name AS project_name, s.backlog_id, b.name AS backlog_name,
       b.type AS backlog_type, s.path, s.anchor, s.scope, s.id, s.key, s.id_source, s.id_line, s.id_col, s.dialect, s.kind,
       s.title, s.epic, s.status, s.status_raw, s.status_note, s.status_line, s.priority, s.priority_raw,
       s.estimate_points, s.estimate_unit, s.estimate_raw, s.branch_name, s.owner, s.author, s.sprint,
       s.created_on, s.created_at, s.updated_on, s.updated_at, s.completed_on, s.completed_at,
       s.user_role, s.user_want, s.user_benefit, s.body, s.content_hash, s.metadata, s.parse_state,
       s.stale_since, s.contested, s.first_seen_at, s.synced_at
FROM stories s
JOIN projects p ON p.id = s.project_id
JOIN backlogs b ON b.project_id = s.project_id AND b.id = s.backlog_id
;
CREATE VIEW v_edges AS
SELECT e.kind, e.dependent_uid, d.project_id AS dependent_project, d.id AS dependent_id,
       e.prerequisite_uid, t.project_id AS prerequisite_project, t.id AS prerequisite_id,
       e.stated_by, e.confidence, e.statements
FROM (
    SELECT r.kind, r.dependent_uid, r.prerequisite_uid,
           CASE WHEN MIN(r.story_uid) <> MAX(r.story_uid) THEN 'both'
                WHEN MIN(r.story_uid) = r.dependent_uid THEN 'self'
                ELSE 'inverse' END AS stated_by,
           MIN(r.confidence) AS confidence, COUNT(*) AS statements
    FROM story_dependencies r
    WHERE r.dependent_uid IS NOT NULL AND r.prerequisite_uid IS NOT NULL
    GROUP BY r.kind, r.dependent_uid, r.prerequisite_uid
) e
JOIN stories d ON d.uid = e.dependent_uid
JOIN stories t ON t.uid = e.prerequisite_uid
;
CREATE VIEW v_ready AS
SELECT s.*
FROM v_stories s
WHERE s.kind <> 'epic'
  AND s.status IN ('backlog', 'todo', 'ready')
  AND NOT s.contested
  AND s.parse_state = 'good'
  AND NOT EXISTS (
      SELECT 1
      FROM story_dependencies r
      LEFT JOIN stories t ON t.uid = r.prerequisite_uid
      LEFT JOIN foreign_stories f
        ON r.prerequisite_uid IS NULL AND f.project_id = r.target_project AND f.key = r.target_key
      WHERE r.dependent_uid = s.uid
        AND r.kind = 'depends_on'
        AND (
            r.confidence = 'declared'
            OR EXISTS (
                SELECT 1 FROM projects p
                WHERE p.id = s.project_id
                  AND CAST(p.settings -> 'reading' ->> 'prose_blocks' AS TEXT) IN ('1', 'true')
            )
        )
        AND COALESCE(t.status, f.status, 'unknown') NOT IN ('done', 'accepted')
        AND NOT (
            COALESCE(t.status, f.status, 'unknown') = 'cancelled'
            AND EXISTS (
                SELECT 1 FROM projects p
                WHERE p.id = s.project_id
                  AND CAST(p.settings ->> 'cancelled_satisfies' AS TEXT) IN ('1', 'true')
            )
        )
  )
;
CREATE VIEW v_blocked AS
SELECT s.uid, s.project_id, s.id, s.title, s.status, s.path, w.reason, w.blocker, w.blocker_uid,
       w.blocker_status, w.line
FROM stories s
JOIN (
    SELECT r.dependent_uid AS uid,
           CASE WHEN r.state = 'self' THEN 'depends on itself'
                WHEN r.prerequisite_uid IS NULL AND COALESCE(f.state, '') <> 'resolved' THEN r.state
                WHEN COALESCE(t.status, f.status) = 'cancelled' THEN 'waits for cancelled'
                ELSE 'waits for' END AS reason,
           COALESCE(t.id, f.id, CASE WHEN r.in_range THEN r.raw ELSE r.target_id END, r.raw) AS blocker,
           r.prerequisite_uid AS blocker_uid,
           COALESCE(t.status, f.status) AS blocker_status,
           MIN(CASE WHEN r.story_uid = r.dependent_uid THEN r.line END) AS line
    FROM story_dependencies r
    JOIN stories o ON o.uid = r.dependent_uid
    LEFT JOIN stories t ON t.uid = r.prerequisite_uid
    LEFT JOIN foreign_stories f
      ON r.prerequisite_uid IS NULL AND f.project_id = r.target_project AND f.key = r.target_key
    WHERE r.kind = 'depends_on'
      AND (
          r.confidence = 'declared'
          OR EXISTS (
              SELECT 1 FROM projects p
              WHERE p.id = o.project_id
                AND CAST(p.settings -> 'reading' ->> 'prose_blocks' AS TEXT) IN ('1', 'true')
          )
      )
      AND r.dependent_uid IS NOT NULL
      AND COALESCE(t.status, f.status, 'unknown') NOT IN ('done', 'accepted')
      AND NOT (
          COALESCE(t.status, f.status, 'unknown') = 'cancelled'
          AND EXISTS (
              SELECT 1 FROM projects p
              WHERE p.id = o.project_id
                AND CAST(p.settings ->> 'cancelled_satisfies' AS TEXT) IN ('1', 'true')
          )
      )
    GROUP BY r.dependent_uid, 2, 3, 4, 5
    UNION ALL
    SELECT c.uid, 'contested', c.id, NULL, NULL, NULL FROM stories c WHERE c.contested
    UNION ALL
    SELECT c.uid, 'stale', c.path, NULL, NULL, NULL FROM stories c WHERE c.parse_state = 'stale'
    UNION ALL
    SELECT c.uid, 'status', NULL, NULL, c.status, NULL FROM stories c
    WHERE c.status IN ('blocked', 'draft', 'deferred', 'unknown') OR c.status IS NULL
) w ON w.uid = s.uid
WHERE s.kind <> 'epic'
  AND (s.status IS NULL OR s.status NOT IN ('done', 'accepted', 'cancelled'))
;
CREATE VIEW v_problems AS
SELECT p.project_id, p.path, p.line, p.col, p.severity,
       CASE p.severity WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END AS severity_rank,
       p.code, p.message, p.hint, p.first_seen_at
FROM problems p
;
CREATE VIEW v_status_history AS
SELECT h.id AS history_id, h.identity AS uid, h.project_id, h.story_id, s.title, s.path AS current_path,
       h.path AS path_then, h.old_status, h.new_status, h.old_raw, h.new_raw, h.changed_by, h.changed_at,
       h.commit_sha, h.source, h.on_head, h.notes
FROM status_history h
LEFT JOIN stories s ON s.uid = h.identity
;
CREATE VIEW v_criteria_progress AS
SELECT s.uid, s.project_id, s.id, s.title, c.section, COUNT(*) AS total,
       SUM(CASE WHEN c.done THEN 1 ELSE 0 END) AS done
FROM stories s
JOIN criteria c ON c.story_uid = s.uid
GROUP BY s.uid, s.project_id, s.id, s.title, c.section
;
INSERT INTO storysync_version VALUES ('0002')
;
PRAGMA application_id = 1398034258
;
