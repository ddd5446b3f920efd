BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE condition (
	id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	protocol_id INTEGER NOT NULL, 
	task TEXT NOT NULL, 
	dataset_id INTEGER NOT NULL, 
	split TEXT NOT NULL, 
	manifest TEXT NOT NULL, 
	samples INTEGER NOT NULL, 
	"limit" INTEGER, 
	codec_id INTEGER NOT NULL, 
	parameters TEXT NOT NULL, 
	parameter TEXT NOT NULL, 
	value TEXT NOT NULL, 
	"order" TEXT NOT NULL, 
	geometry_id INTEGER, 
	spec TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest), 
	FOREIGN KEY(protocol_id) REFERENCES protocol (id), 
	FOREIGN KEY(dataset_id) REFERENCES plugin (id), 
	FOREIGN KEY(codec_id) REFERENCES plugin (id), 
	FOREIGN KEY(geometry_id) REFERENCES plugin (id)
);
INSERT INTO "condition" VALUES(1,'sha256:ba06c76c2944353163e584c609241e45ae334734339340aee32ca240600367e9',1,'classification',1,'test','sha256:cells',526,NULL,2,'{}','none','0','compress-then-geometry',NULL,'{"protocol":"sha256:18bbbb56f66aa2a61e28c6a4989d74e432f267b7b8a61e3abeaed48c8fcea882","task":"classification","dataset":{"kind":"dataset","name":"cells","version":"1","digest":"sha256:beed9d4bb0e67ca64d42fd903d6a317ef0fbd33c6e8dd1ddc4e9b01bc0d8cf97"},"split":"test","manifest":"sha256:cells","samples":526,"codec":{"kind":"codec","name":"none","version":"1","digest":"sha256:e7def8575f730260faf7a8634be038afa358766ed89da4c48f790ffa7bb76d80"},"parameters":{},"parameter":"none","value":0,"order":"compress-then-geometry","geometry":null,"limit":null}');
INSERT INTO "condition" VALUES(2,'sha256:a731f4a31ce2bf9bbd112bb8ec399c1274b470aedbe18c006b64e6833952eb8c',1,'classification',1,'test','sha256:cells',526,NULL,5,'{"subsampling":"4:2:0"}','quality','10','compress-then-geometry',NULL,'{"protocol":"sha256:18bbbb56f66aa2a61e28c6a4989d74e432f267b7b8a61e3abeaed48c8fcea882","task":"classification","dataset":{"kind":"dataset","name":"cells","version":"1","digest":"sha256:beed9d4bb0e67ca64d42fd903d6a317ef0fbd33c6e8dd1ddc4e9b01bc0d8cf97"},"split":"test","manifest":"sha256:cells","samples":526,"codec":{"kind":"codec","name":"jpeg","version":"1","digest":"sha256:26e71eee37aefddc1f8f617fbbea69b5de76b8ef7651502b2919c3c331297ec6"},"parameters":{"subsampling":"4:2:0"},"parameter":"quality","value":10,"order":"compress-then-geometry","geometry":null,"limit":null}');
INSERT INTO "condition" VALUES(3,'sha256:1d3b259f775529a332a1fdbd95eac3c0a328a43cd9b159795bd4aba5ba17e23f',1,'classification',1,'test','sha256:cells',526,NULL,5,'{"subsampling":"4:2:0"}','quality','90','compress-then-geometry',NULL,'{"protocol":"sha256:18bbbb56f66aa2a61e28c6a4989d74e432f267b7b8a61e3abeaed48c8fcea882","task":"classification","dataset":{"kind":"dataset","name":"cells","version":"1","digest":"sha256:beed9d4bb0e67ca64d42fd903d6a317ef0fbd33c6e8dd1ddc4e9b01bc0d8cf97"},"split":"test","manifest":"sha256:cells","samples":526,"codec":{"kind":"codec","name":"jpeg","version":"1","digest":"sha256:26e71eee37aefddc1f8f617fbbea69b5de76b8ef7651502b2919c3c331297ec6"},"parameters":{"subsampling":"4:2:0"},"parameter":"quality","value":90,"order":"compress-then-geometry","geometry":null,"limit":null}');
CREATE TABLE entry (
	id INTEGER NOT NULL, 
	protocol_id INTEGER NOT NULL, 
	task TEXT NOT NULL, 
	dataset_id INTEGER NOT NULL, 
	split TEXT NOT NULL, 
	manifest TEXT NOT NULL, 
	samples INTEGER NOT NULL, 
	"limit" INTEGER, 
	model_id INTEGER NOT NULL, 
	mitigation_id INTEGER NOT NULL, 
	environment_id INTEGER NOT NULL, 
	newest_id INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	against TEXT NOT NULL, 
	reference_id INTEGER, 
	reference FLOAT, 
	reference_low FLOAT, 
	reference_high FLOAT, 
	mean_drop FLOAT, 
	results BLOB NOT NULL, 
	value BLOB NOT NULL, 
	low BLOB NOT NULL, 
	high BLOB NOT NULL, 
	bits_per_pixel BLOB NOT NULL, 
	psnr_db BLOB NOT NULL, 
	ssim BLOB NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(protocol_id) REFERENCES protocol (id), 
	FOREIGN KEY(dataset_id) REFERENCES plugin (id), 
	FOREIGN KEY(model_id) REFERENCES plugin (id), 
	FOREIGN KEY(mitigation_id) REFERENCES plugin (id), 
	FOREIGN KEY(environment_id) REFERENCES environment (id), 
	FOREIGN KEY(newest_id) REFERENCES result (id), 
	FOREIGN KEY(reference_id) REFERENCES result (id)
);
INSERT INTO "entry" VALUES(1,1,'classification',1,'test','sha256:cells',526,NULL,3,4,1,3,'2026-01-01 00:00:00.000000','',1,0.9,0.89,0.91,0.25,X'02000000000000000300000000000000',X'000000000000E03F9A9999999999E93F',X'5C8FC2F5285CDF3F48E17A14AE47E93F',X'52B81E85EB51E03FEC51B81E85EBE93F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F');
INSERT INTO "entry" VALUES(2,1,'classification',1,'test','sha256:cells',526,NULL,6,4,1,4,'2026-01-01 00:00:00.000000','failed: jpeg quality=10: boom; erratum: jpeg quality=10: never happened; incomplete: 1 of 3 conditions',NULL,NULL,NULL,NULL,NULL,X'00000000000000000000000000000000',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F',X'000000000000F87F000000000000F87F');
CREATE TABLE environment (
	id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	details TEXT NOT NULL, 
	first_seen DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "environment" VALUES(1,'sha256:8cab20163a3a8ccc894af341d5c1773ac6643d00a7a0851eb8974a53e75c65e1','{"pillow":"13.0.0"}','{"host":"here"}','2026-01-01 00:00:00.000000');
CREATE TABLE erratum (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	author TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(result_id) REFERENCES result (id)
);
INSERT INTO "erratum" VALUES(1,4,'ada','never happened','2026-01-01 00:00:00.000000');
CREATE TABLE metric (
	result_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	low FLOAT, 
	high FLOAT, 
	PRIMARY KEY (result_id, name), 
	FOREIGN KEY(result_id) REFERENCES result (id)
)
 WITHOUT ROWID

;
INSERT INTO "metric" VALUES(1,'top1',0.9,0.89,0.91);
INSERT INTO "metric" VALUES(2,'top1',0.5,0.49,0.51);
INSERT INTO "metric" VALUES(3,'top1',0.8,0.79,0.81);
CREATE TABLE plugin (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	card TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (kind, name, version, digest)
);
INSERT INTO "plugin" VALUES(1,'dataset','cells','1','sha256:beed9d4bb0e67ca64d42fd903d6a317ef0fbd33c6e8dd1ddc4e9b01bc0d8cf97',NULL);
INSERT INTO "plugin" VALUES(2,'codec','none','1','sha256:e7def8575f730260faf7a8634be038afa358766ed89da4c48f790ffa7bb76d80',NULL);
INSERT INTO "plugin" VALUES(3,'model','net','1','sha256:1105ce1dfe09f8e138ebfdcabde51c96f299f6665554b57c9589c2dd14fedcf1',NULL);
INSERT INTO "plugin" VALUES(4,'mitigation','none','1','sha256:e980abacf0bc55ce3d0930816a2ef326ce6c2a430f7aebd1626b467337d3ddee',NULL);
INSERT INTO "plugin" VALUES(5,'codec','jpeg','1','sha256:26e71eee37aefddc1f8f617fbbea69b5de76b8ef7651502b2919c3c331297ec6',NULL);
INSERT INTO "plugin" VALUES(6,'model','other','1','sha256:9bc99a66dfe337170e661659957ea910d922f914d304fb14f88e8bce8a38f07b',NULL);
CREATE TABLE protocol (
	id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	name TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	spec TEXT NOT NULL, 
	first_seen DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "protocol" VALUES(1,'sha256:18bbbb56f66aa2a61e28c6a4989d74e432f267b7b8a61e3abeaed48c8fcea882','toy',1,'{"name":"toy","version":1,"title":"","summary":"","changes":"","order":"compress-then-geometry","precision":"float32","tf32":false,"batch":"free","frame_metrics":["bits_per_pixel"],"codecs":[{"name":"jpeg","version":"1","parameter":"quality","values":[10,90],"parameters":{"subsampling":"4:2:0"}}],"tracks":[{"task":"classification","dataset":{"name":"cells","version":"1"},"split":"test","manifest":"sha256:cells","samples":526,"classes":2,"metrics":["top1","auc"],"baselines":[{"name":"net","version":"1"}],"mitigations":[{"name":"none","version":"1"}]}]}','2026-01-01 00:00:00.000000');
CREATE TABLE published (
	id INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	source TEXT NOT NULL, 
	"table" TEXT NOT NULL, 
	task TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	model TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	reference FLOAT NOT NULL, 
	codec TEXT NOT NULL, 
	parameter TEXT NOT NULL, 
	setting TEXT NOT NULL, 
	mitigation TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	note TEXT NOT NULL, 
	psnr_db FLOAT, 
	ssim FLOAT, 
	bits_per_pixel FLOAT, 
	imported_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
INSERT INTO "published" VALUES(1,'sha256:328a288ce332d0b8ee2f6590717c346119a8dcfe1e3da99e38878e9be992f1d3','ehrlich2020','Table 2','classification','ImageNet','EfficientNet B3','top1',0.8398,'jpeg','quality','10','supervised-fine-tuning',0.7978,'',NULL,NULL,NULL,'2026-11-21 08:16:20.182891');
INSERT INTO "published" VALUES(2,'sha256:e1f9f306b812532f24d1844a5c08653142386d7c32ca5b2020dd5b66682af07a','ehrlich2020','Table 2','classification','ImageNet','EfficientNet B3','top1',0.8398,'jpeg','quality','20','supervised-fine-tuning',0.8184,'',NULL,NULL,NULL,'2026-11-21 08:16:20.183991');
INSERT INTO "published" VALUES(3,'sha256:c41030f97f2b5cbdda1b9fa7cd28b0d18bf9d228afd90684f4b7f94325f4582d','marie2022','Table I','classification','ImageNet','MnasNet','top1',0.7313,'jpeg','quality','10','none',0.4594,'',25.27,0.738,4.81186224489795921765e-01,'2026-11-21 08:16:20.184216');
INSERT INTO "published" VALUES(4,'sha256:95b84c97bc65035936d75f634f3ca602f9287084d4414ba7750b3812111cc753','marie2022','Table I','classification','ImageNet','MnasNet','top1',0.7313,'jpeg','quality','10','stability-training',0.455,'',25.27,0.738,4.81186224489795921765e-01,'2026-11-21 08:16:20.184876');
CREATE TABLE result (
	id INTEGER NOT NULL, 
	cell TEXT NOT NULL, 
	condition_id INTEGER NOT NULL, 
	model_id INTEGER NOT NULL, 
	mitigation_id INTEGER NOT NULL, 
	environment_id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	conformant BOOLEAN NOT NULL, 
	tuning TEXT NOT NULL, 
	outcomes TEXT NOT NULL, 
	frames TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT result_status CHECK (status IN ('ok', 'failed')), 
	FOREIGN KEY(condition_id) REFERENCES condition (id), 
	FOREIGN KEY(model_id) REFERENCES plugin (id), 
	FOREIGN KEY(mitigation_id) REFERENCES plugin (id), 
	FOREIGN KEY(environment_id) REFERENCES environment (id), 
	FOREIGN KEY(run_id) REFERENCES run (id)
);
INSERT INTO "result" VALUES(1,'sha256:5aa18bb689a4eebc7d30ef8a4a0a7acbe2ec4073f97ba5f207c549b1f26817c5',1,3,4,1,1,'ok','',1,'{"device":"cpu","workers":2,"threads_per_worker":1,"block":8,"batch":{"net":4},"layout":{"net":"nchw"}}','','','2026-01-01 00:00:00.000000');
INSERT INTO "result" VALUES(2,'sha256:a56c9b389390b41535c033768386453b3adc6cae47eb2faf22122473cff9a5d7',2,3,4,1,1,'ok','',1,'{"device":"cpu","workers":2,"threads_per_worker":1,"block":8,"batch":{"net":4},"layout":{"net":"nchw"}}','','','2026-01-01 00:00:00.000000');
INSERT INTO "result" VALUES(3,'sha256:ba0b68c063f8a99a23a029ff9c36f8d42d4f9d90b79f12e8cd84a3deff65d78b',3,3,4,1,1,'ok','',1,'{"device":"cpu","workers":2,"threads_per_worker":1,"block":8,"batch":{"net":4},"layout":{"net":"nchw"}}','','','2026-01-01 00:00:00.000000');
INSERT INTO "result" VALUES(4,'sha256:b2f137a48a98e039e789de7add4f884d4d37ea6584105a6e98af800b17a70847',2,6,4,1,1,'failed','boom',1,'{"device":"cpu","workers":2,"threads_per_worker":1,"block":8,"batch":{"net":4},"layout":{"net":"nchw"}}','','','2026-01-01 00:00:00.000000');
CREATE TABLE run (
	id INTEGER NOT NULL, 
	started_at DATETIME NOT NULL, 
	command TEXT NOT NULL, 
	suite_version TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "run" VALUES(1,'2026-11-21 04:06:48.929368','["suite", "run", "toy"]','0.1.0');
INSERT INTO "run" VALUES(2,'2026-11-21 08:42:54.284235','["suite", "throughput", "toy"]','0.1.0');
CREATE TABLE summarised (
	protocol_id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	erratum_id INTEGER NOT NULL, 
	PRIMARY KEY (protocol_id), 
	FOREIGN KEY(protocol_id) REFERENCES protocol (id)
);
INSERT INTO "summarised" VALUES(1,4,1);
CREATE TABLE throughput (
	id INTEGER NOT NULL, 
	work TEXT NOT NULL, 
	condition_id INTEGER NOT NULL, 
	model_id INTEGER, 
	mitigation_id INTEGER, 
	reference_id INTEGER, 
	environment_id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	steady BOOLEAN, 
	settings TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT throughput_status CHECK (status IN ('valid', 'unverified', 'invalid', 'failed')), 
	FOREIGN KEY(condition_id) REFERENCES condition (id), 
	FOREIGN KEY(model_id) REFERENCES plugin (id), 
	FOREIGN KEY(mitigation_id) REFERENCES plugin (id), 
	FOREIGN KEY(reference_id) REFERENCES plugin (id), 
	FOREIGN KEY(environment_id) REFERENCES environment (id), 
	FOREIGN KEY(run_id) REFERENCES run (id)
);
INSERT INTO "throughput" VALUES(1,'inference',1,3,4,3,1,2,'valid','',1,'{"device":"cpu","threads":2,"tf32":false,"seconds":1.0}','2026-11-21 08:42:54.289445');
CREATE TABLE throughput_metric (
	throughput_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	low FLOAT, 
	high FLOAT, 
	PRIMARY KEY (throughput_id, name), 
	FOREIGN KEY(throughput_id) REFERENCES throughput (id)
)
 WITHOUT ROWID

;
INSERT INTO "throughput_metric" VALUES(1,'best_batch',4.0,NULL,NULL);
INSERT INTO "throughput_metric" VALUES(1,'latency_p50_ms',20.0,19.0,21.0);
CREATE TABLE verification (
	id INTEGER NOT NULL, 
	plugin_id INTEGER NOT NULL, 
	protocol_id INTEGER NOT NULL, 
	environment_id INTEGER NOT NULL, 
	predictions_sha256 TEXT NOT NULL, 
	"limit" INTEGER, 
	date TEXT NOT NULL, 
	author TEXT NOT NULL, 
	isolation TEXT NOT NULL, 
	share FLOAT NOT NULL, 
	compared INTEGER NOT NULL, 
	differing INTEGER NOT NULL, 
	tolerance FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(plugin_id) REFERENCES plugin (id), 
	FOREIGN KEY(protocol_id) REFERENCES protocol (id), 
	FOREIGN KEY(environment_id) REFERENCES environment (id)
);
INSERT INTO "verification" VALUES(1,3,1,1,'1111111111111111111111111111111111111111111111111111111111111111',NULL,'2026-11-21','Ada','bubblewrap 0.8.0, landlock 7',0.05,26,0,0.001,'2026-11-21 16:05:53.891065');
CREATE INDEX condition_by_protocol ON condition (protocol_id, task);
CREATE INDEX result_by_environment ON result (environment_id, cell);
CREATE INDEX result_by_cell ON result (condition_id, model_id, mitigation_id, environment_id);
CREATE INDEX result_by_run ON result (run_id, status);
CREATE INDEX erratum_by_result ON erratum (result_id);
CREATE TRIGGER protocol_refuses_update BEFORE UPDATE ON protocol BEGIN SELECT RAISE(ABORT, 'protocol is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER protocol_refuses_delete BEFORE DELETE ON protocol BEGIN SELECT RAISE(ABORT, 'protocol is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER protocol_refuses_replace BEFORE INSERT ON protocol WHEN EXISTS (SELECT 1 FROM protocol WHERE (id) = (NEW.id) OR (digest) = (NEW.digest)) BEGIN SELECT RAISE(ABORT, 'protocol is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER environment_refuses_update BEFORE UPDATE ON environment BEGIN SELECT RAISE(ABORT, 'environment is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER environment_refuses_delete BEFORE DELETE ON environment BEGIN SELECT RAISE(ABORT, 'environment is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER environment_refuses_replace BEFORE INSERT ON environment WHEN EXISTS (SELECT 1 FROM environment WHERE (id) = (NEW.id) OR (digest) = (NEW.digest)) BEGIN SELECT RAISE(ABORT, 'environment is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER plugin_refuses_update BEFORE UPDATE ON plugin BEGIN SELECT RAISE(ABORT, 'plugin is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER plugin_refuses_delete BEFORE DELETE ON plugin BEGIN SELECT RAISE(ABORT, 'plugin is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER plugin_refuses_replace BEFORE INSERT ON plugin WHEN EXISTS (SELECT 1 FROM plugin WHERE (id) = (NEW.id) OR (kind, name, version, digest) = (NEW.kind, NEW.name, NEW.version, NEW.digest)) BEGIN SELECT RAISE(ABORT, 'plugin is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER condition_refuses_update BEFORE UPDATE ON condition BEGIN SELECT RAISE(ABORT, 'condition is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER condition_refuses_delete BEFORE DELETE ON condition BEGIN SELECT RAISE(ABORT, 'condition is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER condition_refuses_replace BEFORE INSERT ON condition WHEN EXISTS (SELECT 1 FROM condition WHERE (id) = (NEW.id) OR (digest) = (NEW.digest)) BEGIN SELECT RAISE(ABORT, 'condition is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER run_refuses_update BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'run is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER run_refuses_delete BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'run is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER run_refuses_replace BEFORE INSERT ON run WHEN EXISTS (SELECT 1 FROM run WHERE (id) = (NEW.id)) BEGIN SELECT RAISE(ABORT, 'run is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER result_refuses_update BEFORE UPDATE ON result BEGIN SELECT RAISE(ABORT, 'result is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER result_refuses_delete BEFORE DELETE ON result BEGIN SELECT RAISE(ABORT, 'result is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER result_refuses_replace BEFORE INSERT ON result WHEN EXISTS (SELECT 1 FROM result WHERE (id) = (NEW.id)) BEGIN SELECT RAISE(ABORT, 'result is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER metric_refuses_update BEFORE UPDATE ON metric BEGIN SELECT RAISE(ABORT, 'metric is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER metric_refuses_delete BEFORE DELETE ON metric BEGIN SELECT RAISE(ABORT, 'metric is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER metric_refuses_replace BEFORE INSERT ON metric WHEN EXISTS (SELECT 1 FROM metric WHERE (result_id, name) = (NEW.result_id, NEW.name)) BEGIN SELECT RAISE(ABORT, 'metric is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER erratum_refuses_update BEFORE UPDATE ON erratum BEGIN SELECT RAISE(ABORT, 'erratum is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER erratum_refuses_delete BEFORE DELETE ON erratum BEGIN SELECT RAISE(ABORT, 'erratum is append-only: record a new result, or an erratum'); END;
CREATE TRIGGER erratum_refuses_replace BEFORE INSERT ON erratum WHEN EXISTS (SELECT 1 FROM erratum WHERE (id) = (NEW.id)) BEGIN SELECT RAISE(ABORT, 'erratum is append-only: record a new result, or an erratum'); END;
CREATE INDEX published_by_source ON published (source, task);
CREATE TRIGGER published_refuses_update BEFORE UPDATE ON published BEGIN SELECT RAISE(ABORT, 'published is append-only: import the corrected number beside it'); END;
CREATE TRIGGER published_refuses_delete BEFORE DELETE ON published BEGIN SELECT RAISE(ABORT, 'published is append-only: import the corrected number beside it'); END;
CREATE TRIGGER published_refuses_replace BEFORE INSERT ON published WHEN EXISTS (SELECT 1 FROM published WHERE id = NEW.id OR digest = NEW.digest) BEGIN SELECT RAISE(ABORT, 'published is append-only: import the corrected number beside it'); END;
CREATE INDEX throughput_by_condition ON throughput (condition_id);
CREATE TRIGGER throughput_refuses_update BEFORE UPDATE ON throughput BEGIN SELECT RAISE(ABORT, 'throughput is append-only: record a new one'); END;
CREATE TRIGGER throughput_refuses_delete BEFORE DELETE ON throughput BEGIN SELECT RAISE(ABORT, 'throughput is append-only: record a new one'); END;
CREATE TRIGGER throughput_refuses_replace BEFORE INSERT ON throughput WHEN EXISTS (SELECT 1 FROM throughput WHERE (id) = (NEW.id)) BEGIN SELECT RAISE(ABORT, 'throughput is append-only: record a new one'); END;
CREATE TRIGGER throughput_metric_refuses_update BEFORE UPDATE ON throughput_metric BEGIN SELECT RAISE(ABORT, 'throughput_metric is append-only: record a new one'); END;
CREATE TRIGGER throughput_metric_refuses_delete BEFORE DELETE ON throughput_metric BEGIN SELECT RAISE(ABORT, 'throughput_metric is append-only: record a new one'); END;
CREATE TRIGGER throughput_metric_refuses_replace BEFORE INSERT ON throughput_metric WHEN EXISTS (SELECT 1 FROM throughput_metric WHERE (throughput_id, name) = (NEW.throughput_id, NEW.name)) BEGIN SELECT RAISE(ABORT, 'throughput_metric is append-only: record a new one'); END;
CREATE INDEX entry_by_group ON entry (protocol_id, model_id, environment_id);
CREATE INDEX verification_by_protocol ON verification (protocol_id);
CREATE TRIGGER verification_refuses_update BEFORE UPDATE ON verification BEGIN SELECT RAISE(ABORT, 'verification is append-only: verify again'); END;
CREATE TRIGGER verification_refuses_delete BEFORE DELETE ON verification BEGIN SELECT RAISE(ABORT, 'verification is append-only: verify again'); END;
CREATE TRIGGER verification_refuses_replace BEFORE INSERT ON verification WHEN EXISTS (SELECT 1 FROM verification WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'verification is append-only: verify again'); END;
COMMIT;
