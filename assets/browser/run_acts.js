// What is done to the chosen runs: the buttons, and the question that one of them asks. Rows come anew at every look at the
// server; what somebody is typing stays. Stands behind format.js and run_table.js.
class RunActs {
  constructor(root, page) {
    this.page = page;
    this.acting = null; // the button whose question stands there
    this.buttons = make("div", "t-runs-bar");
    this.form = make("form", "t-runs-form");
    this.form.onsubmit = (event) => this.send(event);
    root.append(this.buttons, this.form);
  }

  get rows() {
    return [...this.page.chosen.values()];
  }

  get may() {
    return this.rows.filter((row) => row.may_change);
  }

  draw() {
    const { rows, may } = this;
    if (!rows.length || (this.acting === "rename" && rows.length > 1)) this.acting = null;
    const ids = rows.map((row) => row.run);
    const key = JSON.stringify([ids, may.length > 0]);
    if (key !== this.buttonsKey) this.drawButtons(rows, may);
    this.buttonsKey = key;
    const question = JSON.stringify([this.acting, this.acting === "rename" ? ids : null]);
    if (question !== this.question) this.drawQuestion(rows);
    this.question = question;
    if (this.acting === "delete") this.drawSentence(rows, may);
    if (this.acting === "tag") this.drawTags(may);
  }

  drawButtons(rows, may) {
    const { labels } = this.page;
    if (!rows.length) return this.buttons.replaceChildren(make("span", "t-quiet", labels.choose));
    const act = (name, deed, off = false) => {
      const button = make("button", "t-button", labels.acts[name], { type: "button" });
      button.disabled = off;
      button.onclick = deed;
      return button;
    };
    const ask = (name) => () => {
      this.acting = this.acting === name ? null : name;
      this.draw();
      this.form.querySelector("input")?.focus();
    };
    const [{ run }] = rows;
    const one = rows.length === 1;
    this.buttons.replaceChildren(
      make("span", "", fill(labels.chosen, { count: number(rows.length) })),
      act("clear", () => this.page.clear()),
      ...(one ? [act("rename", ask("rename"), !may.length)] : []),
      act("tag", ask("tag"), !may.length),
      ...(one ? [make("a", "t-button t-runs-zip", labels.acts.zip, { href: `./runs/${encodeURIComponent(run)}.zip`, download: `terrarium-${run}.zip` })] : []),
      act("delete", ask("delete"), !may.length),
    );
  }

  drawQuestion(rows) {
    const { labels } = this.page;
    const { acting } = this;
    this.form.hidden = !acting;
    this.tagsKey = null;
    if (!acting) return this.form.replaceChildren();
    const send = make("button", "t-button t-primary", labels.confirm[acting], { type: "submit" });
    if (acting === "delete") {
      this.sentence = make("span");
      return this.form.replaceChildren(this.sentence, send);
    }
    const field = make("input", "t-runs-search", null, { type: "text", "aria-label": labels.fields[acting], placeholder: labels.fields[acting], maxlength: acting === "tag" ? 24 : 200 });
    if (acting === "rename") field.value = rows[0].name;
    this.tags = make("span", "t-runs-group");
    this.form.replaceChildren(field, send, this.tags);
  }

  drawSentence(rows, may) {
    const { labels } = this.page;
    const size = bytes(may.reduce((sum, row) => sum + (row.size ?? 0), 0));
    const template = may.length === rows.length ? labels.deleting : labels.deleting_some;
    say(this.sentence, fill(template, { count: number(may.length), size, others: number(rows.length - may.length) }));
  }

  drawTags(may) {
    const tags = [...new Set(may.flatMap((row) => row.tags))];
    const key = JSON.stringify(tags);
    if (key === this.tagsKey) return;
    this.tagsKey = key;
    this.tags.replaceChildren(...tags.map((tag) => {
      const off = make("button", "t-runs-tag", `${tag} ×`, { type: "button", title: fill(this.page.labels.untag, { tag }) });
      off.onclick = () => this.page.change("untag", this.may, { tags: [tag] });
      return off;
    }));
  }

  send(event) {
    event.preventDefault();
    const text = this.form.querySelector("input")?.value.trim() ?? "";
    const { acting, may } = this;
    if (acting !== "delete" && !text) return;
    this.acting = null;
    this.draw();
    this.page.change(acting, may, acting === "rename" ? { name: text } : acting === "tag" ? { tags: [text] } : {});
  }
}
