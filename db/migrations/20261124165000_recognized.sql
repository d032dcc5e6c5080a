-- migrate:up

-- Why a paper that is pictures has no text, or not all of it: a code of package
-- extract ('ocr_not_installed', 'ocr_partial', 'ocr_no_words').
ALTER TABLE texts ADD COLUMN note text;

-- migrate:down

ALTER TABLE texts DROP COLUMN note;
