//! Rows as a file: CSV for spreadsheets, a JSON object per line, or one JSON list. Written page by page into memory.

use axum::http::HeaderValue;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// With these a spreadsheet begins a formula, or a cell that it takes for one after trimming.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A table with a head (RFC 4180), for spreadsheets; a cell that one could take for a formula begins with `'`.
    #[default]
    Csv,
    /// A JSON object on each line, as in the list.
    Ndjson,
    /// One list of such objects.
    Json,
}

impl Form {
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::Csv => HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
            Self::Ndjson => HeaderValue::from_static("application/x-ndjson"),
            Self::Json => HeaderValue::from_static("application/json"),
        }
    }

    /// The ending of the file's name.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
        }
    }
}

impl std::str::FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let forms = [Self::Csv, Self::Ndjson, Self::Json];
        let form = forms.into_iter().find(|form| form.ending() == text);
        form.ok_or_else(|| "expected csv, ndjson or json".to_owned())
    }
}

/// One page of a file. Every row is a struct whose fields are the columns.
pub(super) struct Writer {
    form: Form,
    columns: &'static [&'static str],
    out: csv::Writer<Vec<u8>>,
    lines: Vec<u8>,
    /// Nothing was written before: the first row opens the list.
    is_first: bool,
}

impl Writer {
    /// A page of rows with these columns; the first page begins with the head.
    pub(super) fn new(
        form: Form,
        columns: &'static [&'static str],
        is_first: bool,
    ) -> Result<Self, std::io::Error> {
        let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        if is_first && form == Form::Csv {
            out.write_record(columns)?;
        }
        Ok(Self { form, columns, out, lines: Vec::new(), is_first })
    }

    /// Adds a row.
    pub(super) fn row(&mut self, row: &impl Serialize) -> Result<(), std::io::Error> {
        match self.form {
            Form::Ndjson => {
                serde_json::to_writer(&mut self.lines, row)?;
                self.lines.push(b'\n');
                Ok(())
            }
            Form::Json => {
                self.lines.extend_from_slice(if self.is_first { b"[\n" } else { b",\n" });
                self.is_first = false;
                Ok(serde_json::to_writer(&mut self.lines, row)?)
            }
            Form::Csv => self.cells(row),
        }
    }

    /// No row follows, on no page.
    pub(super) fn end(&mut self) {
        if self.form == Form::Json {
            self.lines.extend_from_slice(if self.is_first { b"[]\n" } else { b"\n]\n" });
        }
    }

    /// Through JSON values, because every cell has to be looked at, and that form is the one that is documented.
    fn cells(&mut self, row: &impl Serialize) -> Result<(), std::io::Error> {
        let row = serde_json::to_value(row)?;
        Ok(self.out.write_record(self.columns.iter().map(|column| cell(&row[*column])))?)
    }

    /// What was written.
    pub(super) fn finish(self) -> Result<Bytes, std::io::Error> {
        match self.form {
            Form::Ndjson | Form::Json => Ok(self.lines.into()),
            Form::Csv => Ok(self.out.into_inner().map_err(csv::IntoInnerError::into_error)?.into()),
        }
    }
}

/// A value as a cell. Numbers are what they are; anything else must not begin a formula.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.starts_with(FORMULA) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        count: i64,
        gone: Option<&'static str>,
    }

    fn written(form: Form, names: &[&'static str]) -> String {
        let mut writer = Writer::new(form, &["name", "count", "gone"], true).unwrap();
        for name in names {
            writer.row(&Row { name, count: -1, gone: None }).unwrap();
        }
        String::from_utf8(writer.finish().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn no_cell_of_text_begins_a_formula() {
        let names = ["plain", "=1+1", "+1", "-1", "@a", "\tb", "\rc", "a=1", "q\"x, y"];
        let expected = "name,count,gone\r\nplain,-1,\r\n'=1+1,-1,\r\n'+1,-1,\r\n'-1,-1,\r\n'@a,-1,\r\n'\tb,-1,\r\n\
            \"'\rc\",-1,\r\na=1,-1,\r\n\"q\"\"x, y\",-1,\r\n";
        assert_eq!(written(Form::Csv, &names), expected);
    }

    #[test]
    fn a_list_is_json_however_many_pages_and_rows_it_has() {
        for pages in [&[0][..], &[1], &[2, 1], &[2, 0]] {
            let mut text = Vec::new();
            for (at, rows) in pages.iter().enumerate() {
                let mut writer = Writer::new(Form::Json, &["name"], at == 0).unwrap();
                (0..*rows).for_each(|n| writer.row(&Row { name: "=1", count: n, gone: None }).unwrap());
                if at + 1 == pages.len() {
                    writer.end();
                }
                text.extend(writer.finish().unwrap());
            }
            let list: Vec<Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(list.len() as i64, pages.iter().sum::<i64>(), "{pages:?}");
        }
    }

    #[test]
    fn lines_are_objects_as_they_are() {
        assert_eq!(written(Form::Ndjson, &["=1"]), "{\"name\":\"=1\",\"count\":-1,\"gone\":null}\n");
    }
}
