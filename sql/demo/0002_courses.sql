-- The demo's courses: ten published (four of them for everyone), one archived, one draft.
--
-- Ids as in 0001_organisation.sql. A chapter's digits are 4, the course and the chapter (40102: the
-- second one of course 01), a lesson's are 5, the course and the lesson. The media do not exist.

\set id 01900000-0000-7000-8000-0000000

-- days: how long ago the course was published; NULL leaves it a draft.
INSERT INTO course (course_id, org_id, code, title, summary, category, required, status, published_at,
                    archived_at, created_at)
SELECT (:'id' || id)::uuid, (:'id' || org)::uuid, code, title, summary, category, required,
       CASE WHEN days IS NULL THEN 'draft' WHEN archived_days IS NULL THEN 'published' ELSE 'archived' END,
       now() - make_interval(days => days), now() - make_interval(days => archived_days),
       now() - make_interval(days => coalesce(days, 0) + 7)
  FROM (VALUES
    ('30001', '10001', 'DZ-101', '党章学习',
     '按章阅读《中国共产党章程》：总纲的内容，党员的条件、义务和权利，组织制度和纪律。',
     'party_constitution', true, 180, NULL::integer),
    ('30002', '10001', 'FZ-101', '宪法与法治基础',
     '宪法的结构和历次修正，公民的基本权利和义务，行政复议与行政诉讼的基本程序。',
     'law', true, 150, NULL),
    ('30003', '10012', 'XX-101', '数据安全与个人信息保护',
     '《数据安全法》《个人信息保护法》的主要规定，以及工作中处理他人信息时的做法。',
     'data_protection', true, 120, NULL),
    ('30004', '10001', 'BM-101', '保密知识',
     '国家秘密的范围和密级，文件、设备和网络的保密要求，泄密后的报告。',
     'secrecy', true, 90, NULL),
    ('30005', '10001', 'GW-101', '公文写作',
     '十五种公文的用途、版式要素和行文规则，附通知、请示和纪要的写法。',
     'office_skills', false, 140, NULL),
    ('30006', '10004', 'JK-101', '急救常识',
     '拨打 120 的要点、心肺复苏和自动体外除颤器的使用、止血包扎和常见意外的处理。',
     'health', false, 110, NULL),
    ('30007', '10013', 'XF-101', '消防安全',
     '火灾的起因和预防，灭火器与消火栓的使用，疏散和逃生。',
     'safety', false, 100, NULL),
    ('30008', '10016', 'NC-101', '农村电商入门',
     '开店前的准备、农产品的分级包装与物流、直播销售和售后，以及《电子商务法》的有关规定。',
     'rural_work', false, 80, NULL),
    ('30009', '10011', 'ZW-101', '政府信息公开条例',
     '公开的主体和范围、主动公开与依申请公开的程序、答复期限和不予公开的情形。',
     'open_government', false, 70, NULL),
    ('30010', '10017', 'JK-102', '心理健康',
     '压力与睡眠、情绪的识别和调节、与人沟通，以及何时和到哪里寻求专业帮助。',
     'health', false, 60, NULL),
    ('30011', '10011', 'FZ-102', '反诈知识（2025 年版）',
     '常见电信网络诈骗的手法和识别，《反电信网络诈骗法》的有关规定，被骗之后怎么办。',
     'safety', false, 300, 6),
    ('30012', '10004', 'AQ-102', '应急管理基础',
     '突发事件的分类分级、应急预案和演练。编写中。',
     'safety', false, NULL, NULL)
  ) AS v(id, org, code, title, summary, category, required, days, archived_days);

INSERT INTO chapter (chapter_id, course_id, title, position)
SELECT (:'id' || id)::uuid, (:'id' || '300' || substr(id, 2, 2))::uuid, title, substr(id, 4)::integer
  FROM (VALUES
    ('40101', '总纲与党员'), ('40102', '组织制度'), ('40103', '纪律'),
    ('40201', '宪法'), ('40202', '公民的权利与义务'), ('40203', '行政救济'),
    ('40301', '数据安全法'), ('40302', '个人信息保护法'), ('40303', '工作中的做法'),
    ('40401', '什么是国家秘密'), ('40402', '日常工作中的保密'),
    ('40501', '公文的种类与格式'), ('40502', '行文规则'), ('40503', '常用文种'),
    ('40601', '呼救与心肺复苏'), ('40602', '外伤与意外'),
    ('40701', '预防'), ('40702', '灭火与逃生'),
    ('40801', '开店之前'), ('40802', '发货与物流'), ('40803', '销售与售后'),
    ('40901', '公开什么'), ('40902', '怎样公开'),
    ('41001', '压力与情绪'), ('41002', '沟通与求助'),
    ('41101', '常见手法'), ('41102', '防范与报案'),
    ('41201', '突发事件'), ('41202', '预案与演练')
  ) AS v(id, title);

-- length: seconds of a video or an audio, pages of a document, paragraphs of an article.
-- percent: of the rule `covered`; the other rules take none.
INSERT INTO lesson (lesson_id, course_id, chapter_id, title, kind, url, length, pace_s, position, rule,
                    rule_percent)
SELECT (:'id' || v.id)::uuid, c.course_id, (:'id' || v.chapter)::uuid, v.title, v.kind,
       'https://media.example.org/' || lower(c.code) || '/' || substr(v.id, 4) ||
       CASE v.kind WHEN 'video' THEN '.mp4' WHEN 'audio' THEN '.m4a' WHEN 'document' THEN '.pdf' ELSE '.html' END,
       v.length, lesson_default_pace(v.kind),
       row_number() OVER (PARTITION BY v.chapter ORDER BY v.id)::integer, v.rule, v.percent
  FROM (VALUES
    ('50101', '40101', '党章的历史：从一大党纲到二十大的修改', 'video', 1260, 'covered', 90),
    ('50102', '40101', '总纲导读', 'audio', 1500, 'covered', 80),
    ('50103', '40101', '党员的条件和入党程序', 'video', 960, 'covered', 90),
    ('50104', '40101', '党员的八项义务和八项权利', 'article', 18, 'read_to_end', NULL::integer),
    ('50105', '40102', '民主集中制的六条基本原则', 'video', 1080, 'covered', 90),
    ('50106', '40102', '党的中央、地方和基层组织', 'document', 14, 'covered', 85),
    ('50107', '40102', '支部党员大会、支委会、党小组会和党课', 'article', 12, 'read_to_end', NULL),
    ('50108', '40103', '纪律处分的种类和程序', 'video', 900, 'covered', 90),
    ('50109', '40103', '党员的申诉权', 'audio', 540, 'covered', 80),
    ('50110', '40103', '附：党章全文的查阅方法', 'article', 3, 'opened', NULL),

    ('50201', '40201', '1982 年宪法的结构', 'video', 1140, 'covered', 90),
    ('50202', '40201', '五次修正：1988、1993、1999、2004、2018', 'article', 15, 'read_to_end', NULL),
    ('50203', '40201', '国家机构的设置', 'document', 10, 'covered', 80),
    ('50204', '40202', '公民的基本权利', 'video', 1320, 'covered', 90),
    ('50205', '40202', '公民的基本义务', 'audio', 720, 'covered', 80),
    ('50206', '40203', '行政复议：六十日的申请期限', 'video', 840, 'covered', 90),
    ('50207', '40203', '行政诉讼：六个月的起诉期限', 'article', 11, 'read_to_end', NULL),
    ('50208', '40203', '国家宪法日与宪法宣誓', 'article', 4, 'opened', NULL),

    ('50301', '40301', '数据分类分级保护制度', 'video', 1020, 'covered', 90),
    ('50302', '40301', '数据处理者的安全义务', 'document', 8, 'covered', 90),
    ('50303', '40302', '个人信息与敏感个人信息', 'video', 960, 'covered', 90),
    ('50304', '40302', '处理个人信息的七种合法情形', 'article', 14, 'read_to_end', NULL),
    ('50305', '40302', '个人在信息处理中的权利', 'audio', 660, 'covered', 80),
    ('50306', '40303', '收集得少一点：表格里哪些栏可以删', 'video', 600, 'covered', 90),
    ('50307', '40303', '口令、移动存储和废旧设备', 'article', 9, 'read_to_end', NULL),
    ('50308', '40303', '发生泄露之后：补救、通知和报告', 'video', 780, 'covered', 100),
    ('50309', '40303', '自查清单', 'document', 2, 'opened', NULL),

    ('50401', '40401', '绝密、机密、秘密与保密期限', 'video', 900, 'covered', 90),
    ('50402', '40401', '2024 年修订的保守国家秘密法', 'document', 12, 'covered', 90),
    ('50403', '40401', '工作秘密', 'article', 8, 'read_to_end', NULL),
    ('50404', '40402', '涉密文件的收发、传阅和销毁', 'video', 1080, 'covered', 95),
    ('50405', '40402', '手机、社交软件和办公网络', 'audio', 600, 'covered', 90),
    ('50406', '40402', '信息公开前的保密审查', 'article', 10, 'read_to_end', NULL),

    ('50501', '40501', '决议到纪要：十五个文种', 'video', 1440, 'covered', 80),
    ('50502', '40501', '版头、主体和版记：GB/T 9704—2012', 'document', 16, 'covered', 80),
    ('50503', '40502', '上行文、下行文和平行文', 'video', 780, 'covered', 80),
    ('50504', '40502', '联合行文与抄送', 'article', 7, 'read_to_end', NULL),
    ('50505', '40503', '怎样写通知', 'video', 900, 'covered', 80),
    ('50506', '40503', '怎样写请示：一文一事', 'video', 720, 'covered', 80),
    ('50507', '40503', '怎样写纪要', 'video', 840, 'covered', 80),
    ('50508', '40503', '范文与练习', 'document', 20, 'covered', 60),

    ('50601', '40601', '拨打 120 时说什么', 'audio', 300, 'covered', 90),
    ('50602', '40601', '胸外按压：每分钟一百至一百二十次', 'video', 720, 'covered', 100),
    ('50603', '40601', '自动体外除颤器的使用', 'video', 540, 'covered', 100),
    ('50604', '40602', '止血与包扎', 'video', 660, 'covered', 90),
    ('50605', '40602', '气道异物梗阻', 'video', 420, 'covered', 100),
    ('50606', '40602', '烫伤、中暑和一氧化碳中毒', 'article', 16, 'read_to_end', NULL),

    ('50701', '40701', '用电、用气和电动自行车充电', 'video', 840, 'covered', 90),
    ('50702', '40701', '单位的消防安全责任', 'document', 9, 'covered', 80),
    ('50703', '40702', '灭火器：提、拔、握、压', 'video', 360, 'covered', 100),
    ('50704', '40702', '疏散通道与逃生', 'video', 600, 'covered', 90),
    ('50705', '40702', '拨打 119 时说什么', 'article', 5, 'opened', NULL),

    ('50801', '40801', '选平台：综合电商、社区团购与直播', 'video', 960, 'covered', 80),
    ('50802', '40801', '登记、食品经营备案与农产品合格证', 'document', 11, 'covered', 80),
    ('50803', '40802', '分级、包装与预冷', 'video', 780, 'covered', 80),
    ('50804', '40802', '县、乡、村三级物流', 'article', 9, 'read_to_end', NULL),
    ('50805', '40803', '一场助农直播的准备', 'video', 1500, 'covered', 70),
    ('50806', '40803', '退换货与评价', 'audio', 480, 'covered', 80),
    ('50807', '40803', '《电子商务法》要点', 'article', 13, 'read_to_end', NULL),

    ('50901', '40901', '公开的主体与主动公开的范围', 'video', 900, 'covered', 90),
    ('50902', '40901', '哪些信息不予公开', 'article', 10, 'read_to_end', NULL),
    ('50903', '40902', '依申请公开：二十个工作日', 'video', 780, 'covered', 90),
    ('50904', '40902', '答复书的写法', 'document', 6, 'covered', 80),

    ('51001', '41001', '压力从哪里来', 'audio', 900, 'covered', 80),
    ('51002', '41001', '睡眠与作息', 'video', 660, 'covered', 80),
    ('51003', '41001', '认识自己的情绪', 'article', 12, 'read_to_end', NULL),
    ('51004', '41002', '倾听与表达', 'video', 720, 'covered', 80),
    ('51005', '41002', '心理援助热线 12356', 'article', 3, 'opened', NULL),

    ('51101', '41101', '刷单返利与虚假投资', 'video', 600, 'covered', 90),
    ('51102', '41101', '冒充客服与冒充公检法', 'video', 660, 'covered', 90),
    ('51103', '41102', '预警电话 96110', 'article', 4, 'opened', NULL),
    ('51104', '41102', '被骗之后：止付、报案和保存证据', 'article', 8, 'read_to_end', NULL),

    ('51201', '41201', '四类突发事件与四级响应', 'video', 900, 'covered', 90),
    ('51202', '41201', '信息报告的要求', 'article', 6, 'read_to_end', NULL),
    ('51203', '41202', '应急预案的结构', 'document', 10, 'covered', 80),
    ('51204', '41202', '一次桌面推演', 'video', 1200, 'covered', 80)
  ) AS v(id, chapter, title, kind, length, rule, percent)
  JOIN course c ON c.course_id = (:'id' || '300' || substr(v.id, 2, 2))::uuid;

SELECT course_recount(course_id) FROM course;
