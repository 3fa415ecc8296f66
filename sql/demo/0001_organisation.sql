-- The demo organisation: a fictitious county's public service centre, its members and accounts.
--
-- Every id of the demo is 01900000-0000-7000-8000-0000000NNNNN; the five digits NNNNN, written alone
-- below, begin with 1 for organisations, 2 for members, 3 for courses, 4 for chapters and 5 for
-- lessons. All people are invented. All accounts have one password: :'password_hash' is its hash.
--
-- Loaded once, after the migrations, in one transaction with the other files here, in their order.

\set id 01900000-0000-7000-8000-0000000

-- 1 committee, 3 general branches, 8 branches, 10 groups.
WITH RECURSIVE v(id, parent, kind, name, short_name) AS (VALUES
    ('10001', NULL,    'committee',      '青禾县公共服务中心党委', '中心党委'),
    ('10002', '10001', 'general_branch', '综合服务党总支', '综合总支'),
    ('10003', '10001', 'general_branch', '文化教育服务党总支', '文教总支'),
    ('10004', '10001', 'general_branch', '卫生健康服务党总支', '卫健总支'),
    ('10011', '10002', 'branch', '政务服务大厅党支部', '大厅支部'),
    ('10012', '10002', 'branch', '数据与信息党支部', '信息支部'),
    ('10013', '10002', 'branch', '后勤保障党支部', '后勤支部'),
    ('10014', '10003', 'branch', '县图书馆党支部', '图书馆支部'),
    ('10015', '10003', 'branch', '县文化馆党支部', '文化馆支部'),
    ('10016', '10003', 'branch', '职业培训中心党支部', '培训支部'),
    ('10017', '10004', 'branch', '社区卫生服务党支部', '社区卫生支部'),
    ('10018', '10004', 'branch', '健康宣传党支部', NULL),
    ('10021', '10011', 'group', '窗口第一党小组', '窗口一组'),
    ('10022', '10011', 'group', '窗口第二党小组', '窗口二组'),
    ('10023', '10012', 'group', '平台运维党小组', '运维组'),
    ('10024', '10012', 'group', '数据治理党小组', '数据组'),
    ('10025', '10013', 'group', '设施管理党小组', NULL),
    ('10026', '10014', 'group', '借阅服务党小组', '借阅组'),
    ('10027', '10015', 'group', '群众文化党小组', '群文组'),
    ('10028', '10016', 'group', '教务党小组', NULL),
    ('10029', '10017', 'group', '城区站点党小组', '城区组'),
    ('10030', '10017', 'group', '乡镇站点党小组', '乡镇组')
), tree AS (
    SELECT v.*, org_label((:'id' || v.id)::uuid) AS path FROM v WHERE v.parent IS NULL
    UNION ALL
    SELECT v.*, t.path || org_label((:'id' || v.id)::uuid) FROM v JOIN tree t ON t.id = v.parent
)
INSERT INTO org (org_id, parent_id, path, kind, name, short_name)
SELECT (:'id' || id)::uuid, (:'id' || parent)::uuid, path, kind, name, short_name FROM tree;

-- 60 members. joined_on is the day of joining the Party; who has not joined yet has none.
INSERT INTO member (member_id, org_id, name, gender, birth_date, education, stage, joined_on, external_id)
SELECT (:'id' || id)::uuid, (:'id' || org)::uuid, name, gender, birth_date::date, education, stage,
       joined_on::date, external_id
  FROM (VALUES
    -- the committee and its office
    ('20001', '10001', '沈国栋', 'male',   '1972-03-18', '硕士研究生', 'full', '1996-06-28', 'QH-0001'),
    ('20002', '10011', '郑雅琴', 'female', '1979-11-05', '大学本科', 'full', '2003-07-01', 'QH-0102'),
    ('20003', '10001', '陆文涛', 'male',   '1975-08-22', '大学本科', 'full', '1999-12-10', 'QH-0003'),
    ('20004', '10001', '韩玉洁', 'female', '1981-04-09', '硕士研究生', 'full', '2005-06-17', 'QH-0004'),
    ('20005', '10011', '周子航', 'male',   '1996-09-14', '大学本科', 'full', '2019-11-20', 'QH-0118'),
    ('20006', '10001', '曹秀英', 'female', '1964-02-27', '大学专科', 'full', '1988-07-01', 'QH-0002'),
    -- the service hall
    ('20007', '10011', '冯立新', 'male',   '1970-06-11', '大学专科', 'full', '1994-05-20', 'QH-0101'),
    ('20008', '10021', '蒋晓雯', 'female', '1990-12-03', '大学本科', 'full', '2013-06-25', 'QH-0103'),
    ('20009', '10021', '邓志远', 'male',   '1993-07-19', '大学本科', 'full', '2018-07-01', 'QH-0104'),
    ('20010', '10021', '彭雨桐', 'female', '2001-05-30', '大学本科', 'activist', NULL, 'QH-0121'),
    ('20011', '10021', '许佳宁', 'female', '1999-10-08', '大学本科', 'probationary', '2026-06-24', 'QH-0119'),
    ('20012', '10022', '魏长河', 'male',   '1967-01-15', '高中', 'full', '1992-09-09', 'QH-0100'),
    ('20013', '10022', '罗思敏', 'female', '1988-03-26', '大学本科', 'full', '2011-12-01', 'QH-0105'),
    ('20014', '10022', '程一凡', 'male',   '2003-02-12', '大学专科', 'applicant', NULL, NULL),
    ('20015', '10022', '丁海燕', 'female', '1984-08-17', '大学本科', 'suspended', '2009-06-30', 'QH-0106'),
    -- data and information
    ('20016', '10012', '苏明达', 'male',   '1978-10-21', '硕士研究生', 'full', '2002-05-31', 'QH-0201'),
    ('20017', '10023', '潘俊辉', 'male',   '1991-04-04', '大学本科', 'full', '2014-11-28', 'QH-0202'),
    ('20018', '10023', '余诗涵', 'female', '1998-06-16', '硕士研究生', 'full', '2021-06-18', 'QH-0203'),
    ('20019', '10023', '任浩然', 'male',   '2000-11-29', '大学本科', 'candidate', NULL, 'QH-0204'),
    ('20020', '10024', '姚慧玲', 'female', '1986-09-02', '大学本科', 'full', '2010-07-01', 'QH-0205'),
    ('20021', '10024', '卢嘉诚', 'male',   '1995-01-23', '硕士研究生', 'full', '2020-12-15', 'QH-0206'),
    ('20022', '10024', '崔欣怡', 'female', '2002-03-07', '大学本科', 'activist', NULL, 'QH-0207'),
    ('20023', '10012', '钟启明', 'male',   '1983-05-13', '博士研究生', 'transferred_out', '2006-06-29', 'QH-0208'),
    -- logistics
    ('20024', '10013', '汪德胜', 'male',   '1965-12-20', '中等专科', 'full', '1990-06-22', 'QH-0301'),
    ('20025', '10013', '谭凤霞', 'female', '1973-07-28', '大学专科', 'full', '1998-11-11', 'QH-0302'),
    ('20026', '10025', '廖永康', 'male',   '1980-02-05', '大学专科', 'full', '2007-07-01', 'QH-0303'),
    ('20027', '10025', '范小龙', 'male',   '1994-10-31', '大学专科', 'activist', NULL, 'QH-0304'),
    ('20028', '10025', '石春梅', 'female', '1989-04-24', '中等专科', 'full', '2015-12-04', 'QH-0305'),
    ('20029', '10013', '贾福生', 'male',   '1962-08-08', '初中', 'deceased', '1985-10-01', 'QH-0300'),
    -- the library
    ('20030', '10014', '夏静怡', 'female', '1977-03-31', '硕士研究生', 'full', '2001-06-21', 'QH-0401'),
    ('20031', '10014', '付晨曦', 'female', '1997-12-12', '大学本科', 'probationary', '2026-03-27', 'QH-0402'),
    ('20032', '10026', '方书远', 'male',   '1985-11-18', '大学本科', 'full', '2008-06-27', 'QH-0403'),
    ('20033', '10026', '邹若兰', 'female', '1992-05-06', '大学本科', 'full', '2017-07-01', 'QH-0404'),
    ('20034', '10026', '熊子墨', 'male',   '2004-01-09', '大学专科', 'applicant', NULL, NULL),
    ('20035', '10026', '孟丽萍', 'female', '1969-09-25', '大学专科', 'full', '1995-12-08', 'QH-0405'),
    -- the culture centre
    ('20036', '10015', '秦伯阳', 'male',   '1974-04-17', '大学本科', 'full', '1997-06-30', 'QH-0501'),
    ('20037', '10015', '白雪莹', 'female', '1993-02-22', '大学本科', 'full', '2016-11-25', 'QH-0502'),
    ('20038', '10027', '江一鸣', 'male',   '1990-08-30', '大学本科', 'full', '2012-12-14', 'QH-0503'),
    ('20039', '10027', '阎美华', 'female', '1982-06-03', '大学专科', 'full', '2009-07-01', 'QH-0504'),
    ('20040', '10027', '薛可欣', 'female', '2000-07-14', '大学本科', 'candidate', NULL, 'QH-0505'),
    ('20041', '10027', '雷鸣宇', 'male',   '1996-03-02', '大学本科', 'activist', NULL, 'QH-0506'),
    -- the training centre
    ('20042', '10016', '侯建平', 'male',   '1968-10-10', '大学本科', 'full', '1993-07-01', 'QH-0601'),
    ('20043', '10016', '龙翠芳', 'female', '1976-12-27', '大学本科', 'full', '2000-06-23', 'QH-0602'),
    ('20044', '10028', '史嘉伟', 'male',   '1987-01-30', '硕士研究生', 'full', '2010-12-03', 'QH-0603'),
    ('20045', '10028', '陶安琪', 'female', '1999-04-19', '硕士研究生', 'probationary', '2026-06-26', 'QH-0604'),
    ('20046', '10028', '黎思远', 'male',   '1998-08-06', '大学本科', 'candidate', NULL, 'QH-0605'),
    ('20047', '10028', '贺玉珍', 'female', '1971-05-21', '大学专科', 'full', '1996-11-29', 'QH-0606'),
    -- community health
    ('20048', '10017', '顾怀仁', 'male',   '1966-11-07', '大学本科', 'full', '1991-06-28', 'QH-0701'),
    ('20049', '10017', '梅淑贤', 'female', '1978-01-16', '大学本科', 'full', '2004-07-01', 'QH-0702'),
    ('20050', '10029', '郝明月', 'female', '1991-09-28', '大学本科', 'full', '2014-06-20', 'QH-0703'),
    ('20051', '10029', '龚毅恒', 'male',   '1989-07-11', '硕士研究生', 'full', '2012-06-29', 'QH-0704'),
    ('20052', '10029', '邵可人', 'female', '2001-12-25', '大学本科', 'activist', NULL, 'QH-0705'),
    ('20053', '10030', '万春岚', 'female', '1983-03-15', '大学专科', 'full', '2008-12-19', 'QH-0706'),
    ('20054', '10030', '钱守田', 'male',   '1963-05-04', '中等专科', 'full', '1987-07-01', 'QH-0707'),
    ('20055', '10030', '覃远志', 'male',   '1997-02-18', '大学本科', 'probationary', '2025-12-22', 'QH-0708'),
    ('20056', '10030', '段青青', 'female', '2003-06-09', '大学专科', 'applicant', NULL, 'QH-0709'),
    -- health education
    ('20057', '10018', '严正清', 'male',   '1976-08-01', '大学本科', 'expelled', '2001-07-01', 'QH-0801'),
    ('20058', '10018', '尹若溪', 'female', '1994-11-13', '硕士研究生', 'full', '2017-12-07', 'QH-0802'),
    ('20059', '10018', '常思齐', 'male',   '2002-10-27', '大学本科', 'applicant', NULL, 'QH-0803'),
    ('20060', '10018', '武丹丹', 'female', '1987-06-20', '大学本科', 'full', '2011-06-30', 'QH-0804')
  ) AS v(id, org, name, gender, birth_date, education, stage, joined_on, external_id);

INSERT INTO account (member_id, username, password_hash)
SELECT (:'id' || id)::uuid, username, :'password_hash'
  FROM (VALUES ('20001', 'admin'), ('20002', 'secretary'), ('20003', 'reviewer'), ('20004', 'auditor'),
               ('20005', 'member')) AS v(id, username);

-- Everyone with an account is a member of their own organisation; what four of them hold besides.
INSERT INTO role_grant (member_id, role, org_id)
SELECT m.member_id, 'member', m.org_id FROM account JOIN member m USING (member_id)
UNION ALL
SELECT (:'id' || id)::uuid, role, (:'id' || org)::uuid
  FROM (VALUES
    ('20001', 'admin',     '10001'),
    ('20002', 'organizer', '10011'), -- the branch of the account `member`, with its two groups
    ('20003', 'reviewer',  '10001'),
    ('20004', 'auditor',   '10001')
  ) AS v(id, role, org);
