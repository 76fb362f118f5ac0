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
