"""What pages share: the store of runs, the warm-up of heavy parts, and every session key, in one place."""

import functools
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from llm_core.data.corpora import CORPORA
from llm_core.data.generated import documents
from llm_core.runs.measuring import measure_once
from llm_core.runs.store import Store

RUN_KEY = "subject_run"
STEP_KEY = "subject_step"
ASIDE_KEY = "subject_aside"
BROUGHT_KEY = "subject_brought"
BRING_COUNT_KEY = "subject_bring_count"
BRING_FAULT_KEY = "subject_bring_fault"
FAULT_KEY = "train_fault"
DIAGNOSIS_KEY = "train_diagnosis_pressed"
FORM_TOKEN_KEY = "train_form_token"
RECIPE_KEY = "train_recipe"
CORPUS_KEY = "train_corpus"
CORPUS_CHOSEN_KEY = "train_corpus_chosen"
FITTED_KEY = "train_fitted"
VARIATION_KEY = "train_variation"
PREVIEW_KEY = "train_preview"
BRANCH_KEY = "train_branch"
BRANCH_STEP_KEY = "train_branch_step"
BRANCH_NAME_KEY = "train_branch_name"
PROMPT_KEY = "generate_prompt"
PICK_KEY = "generate_pick"
GENERATE_LINK_KEY = "generate_link"
GENERATE_LINKED_TREE_KEY = "generate_linked_tree"
GENERATE_TREES_KEY = "generate_trees"
GENERATE_VIEW_KEY = "generate_view"
GENERATE_PLACE_KEY = "generate_place"
GENERATE_PLACE_FOR_KEY = "generate_place_for"
GENERATE_TRIED_KEY = "generate_tried"
GENERATE_BESIDE_KEY = "generate_beside"
GENERATE_BESIDE_STEP_KEY = "generate_beside_step"
GENERATE_BESIDE_RUN_KEY = "generate_beside_run"
GENERATE_BESIDE_RUN_STEP_KEY = "generate_beside_run_step"
GENERATE_COUNT_KEY = "generate_count"
CORPUS_LOOKED_KEY = "corpus_looked"
CORPUS_LINK_KEY = "corpus_link"
CORPUS_OWN_KEY = "corpus_own"
CORPUS_SEED_KEY = "corpus_seed"
CORPUS_STORY_KEY = "corpus_story"
CORPUS_COLOURS_KEY = "corpus_colours"
CORPUS_SKILL_KEY = "corpus_skill"
CORPUS_FIRST_KEY = "corpus_first"
CORPUS_USUAL_KEY = "corpus_usual"
CORPUS_FOLLOWED_KEY = "corpus_followed"
CORPUS_SENTENCE_KEY = "corpus_sentence"
CORPUS_SIZE_KEY = "corpus_size"
CORPUS_TRAINED_KEY = "corpus_trained"
CORPUS_DIRTY_KEY = "corpus_dirty"
ATTENTION_TEXT_KEY = "attention_text"
ATTENTION_SOURCE_KEY = "attention_source"
ATTENTION_USUAL_KEY = "attention_usual"
ATTENTION_PART_KEY = "attention_part"
ATTENTION_LAYER_KEY = "attention_layer"
ATTENTION_HEAD_KEY = "attention_head"
ATTENTION_VIEW_KEY = "attention_view"
ATTENTION_HEADS_OFF_KEY = "attention_heads_off"
ATTENTION_TOKENS_OFF_KEY = "attention_tokens_off"
ATTENTION_SOURCE_OFF_KEY = "attention_source_tokens_off"
ATTENTION_AGAINST_KEY = "attention_against"
ATTENTION_OTHER_HEAD_KEY = "attention_other_head"
ATTENTION_OTHER_STEP_KEY = "attention_other_step"
ATTENTION_OTHER_TEXT_KEY = "attention_other_text"
ATTENTION_LINK_KEY = "attention_link"
ATTENTION_OFF_FOR_KEY = "attention_off_for"
ATTENTION_PLAY_KEY = "attention_play"
ATTENTION_HEARD_KEY = "attention_heard"
ATTENTION_FLOW_KIND_KEY = "attention_flow_kind"
ATTENTION_FLOW_THRESHOLD_KEY = "attention_flow_threshold"
ATTENTION_FLOW_INTO_KEY = "attention_flow_into"
ATTENTION_FLOW_INTO_FOR_KEY = "attention_flow_into_for"
ATTENTION_FLOW_FOUND_KEY = "attention_flow_found"
ATTENTION_PREDICTED_KEY = "attention_predicted"
ATTENTION_FOUND_KEY = "attention_found"
ATTENTION_SCORE_KEY = "attention_score"
ATTENTION_FAULT_KEY = "attention_fault"
ATTENTION_PREDICTED_FOR_KEY = "attention_predicted_for"
FILL_TEXT_KEY = "fill_text"
FILL_HIDDEN_KEY = "fill_hidden"
FILL_PICKED_KEY = "fill_picked"
FILL_LAYER_KEY = "fill_layer"
FILL_WAY_KEY = "fill_way"
FILL_VIEW_KEY = "fill_view"
FILL_AGAINST_KEY = "fill_against"
FILL_OTHER_RUN_KEY = "fill_other_run"
FILL_OTHER_STEP_KEY = "fill_other_step"
FILL_OTHER_RUN_STEP_KEY = "fill_other_run_step"
FILL_USUAL_KEY = "fill_usual"
FILL_FOR_KEY = "fill_for"
FILL_LED_KEY = "fill_led"
FILL_LINK_KEY = "fill_link"
READ_TASK_KEY = "read_task"
READ_TEXT_KEY = "read_text"
READ_QUESTION_KEY = "read_question"
READ_ASKED_KEY = "read_asked"
READ_EXAMPLE_KEY = "read_example"
READ_USUAL_KEY = "read_usual"
READ_LINK_KEY = "read_link"
INSIDE_TEXT_KEY = "inside_text"
INSIDE_SOURCE_KEY = "inside_source"
INSIDE_USUAL_KEY = "inside_usual"
INSIDE_VIEW_KEY = "inside_view"
INSIDE_PART_KEY = "inside_part"
INSIDE_TOKEN_KEY = "inside_token"
INSIDE_TARGET_KEY = "inside_target"
INSIDE_AGAINST_KEY = "inside_against"
INSIDE_LAYER_KEY = "inside_layer"
INSIDE_HEAD_KEY = "inside_head"
INSIDE_OFF_KEY = "inside_off"
INSIDE_FOR_KEY = "inside_for"
INSIDE_LINK_KEY = "inside_link"
INSIDE_COLOUR_KEY = "inside_colour"
INSIDE_PLACES_KEY = "inside_places"
INSIDE_LENS_KEY = "inside_lens_kind"
INSIDE_INSTEAD_KEY = "inside_instead"
INSIDE_MEASURE_KEY = "inside_measure"
INSIDE_OTHER_KEY = "inside_other"
INSIDE_OTHER_FOR_KEY = "inside_other_for"
INSIDE_PAIR_KEY = "inside_pair"
INSIDE_PAIR_FAULT_KEY = "inside_pair_fault"
INSIDE_SITE_KEY = "inside_site"
INSIDE_RECEIVER_KEY = "inside_receiver"
INSIDE_HEARD_KEY = "inside_heard"
INSIDE_METHOD_KEY = "inside_method"
INSIDE_PROVED_KEY = "inside_proved"
INSIDE_GRAPH_KEY = "inside_graph"
INSIDE_THRESHOLD_KEY = "inside_threshold"
INSIDE_THRESHOLD_FOR_KEY = "inside_threshold_for"
INSIDE_INQUIRY_FAULT_KEY = "inside_inquiry_fault"
INSIDE_FEATURE_KEY = "inside_feature"
INSIDE_FEATURE_FOR_KEY = "inside_feature_for"
INSIDE_FEATURE_PLACE_KEY = "inside_feature_place"
INSIDE_FEATURE_LABEL_KEY = "inside_feature_label"
INSIDE_FEATURE_SETTINGS_KEYS = {name: f"inside_feature_{name}_setting" for name in ("features", "k", "steps", "seed")}
INSIDE_TRAINING_KEY = "inside_training_measure"
INSIDE_STEPS_AXIS_KEY = "inside_steps_axis"
INSIDE_PROBED_KEY = "inside_probed"
INSIDE_PROBED_AT_KEY = "inside_probed_at"
INSIDE_TEXTS_IN_KEY = "inside_texts_in"
INSIDE_SHOWN_KEY = "inside_shown"
INSIDE_VECTORS_KEY = "inside_vectors"
INSIDE_AT_KEY = "inside_at"
INSIDE_DRAWN_KEY = "inside_drawn"
INSIDE_AXES_KEY = "inside_axes"
INSIDE_COLOURED_KEY = "inside_coloured"
INSIDE_PLANE_KEY = "inside_plane"
INSIDE_WORDS_IN_KEY = "inside_words_in"
INSIDE_NEAR_KEY = "inside_near"
INSIDE_ANALOGY_FIRST_KEY = "inside_analogy_first"
INSIDE_ANALOGY_SECOND_KEY = "inside_analogy_second"
INSIDE_ANALOGY_THIRD_KEY = "inside_analogy_third"
INSIDE_BESIDE_KEY = "inside_beside"
INSIDE_BESIDE_RUN_KEY = "inside_beside_run"
INSIDE_BESIDE_STEP_KEY = "inside_beside_step"
INSIDE_STEERED_BY_KEY = "inside_steered_by"
INSIDE_STEERED_WANTED_KEY = "inside_steered_wanted"
INSIDE_STEERED_OTHERS_KEY = "inside_steered_others"
INSIDE_STEERED_WORD_KEY = "inside_steered_word"
INSIDE_STEERED_AGAINST_KEY = "inside_steered_against"
INSIDE_STEERED_WORDS_KEY = "inside_steered_words"
INSIDE_STEERED_TRIED_KEY = "inside_steered_tried"
INSIDE_STEERED_FOR_KEY = "inside_steered_for"
INSIDE_STRENGTH_KEY = "inside_strength"
INSIDE_STEERED_WAY_KEY = "inside_steered_way"
INSIDE_STEERED_WHERE_KEY = "inside_steered_where"
INSIDE_COMPARED_KEY = "inside_compared"
INSIDE_COMPARED_SHOWN_KEY = "inside_compared_shown"
INSIDE_EDITED_KEY = "inside_edited"
INSIDE_EDITED_FOR_KEY = "inside_edited_for"
INSIDE_NEURON_KEY = "inside_neuron"
INSIDE_NEURON_ORDER_KEY = "inside_neuron_order"
INSIDE_NEURON_TELLS_KEY = "inside_neuron_tells"
SWEEP_KEY = "sweep_chosen"
SWEEP_WAY_KEY = "sweep_way"
SWEEP_RECIPE_KEY = "sweep_recipe"
SWEEP_CORPUS_KEY = "sweep_corpus"
SWEEP_KNOB_KEYS = {name: f"sweep_{name}" for name in ("width", "layers", "steps")}
SWEEP_AXIS_KEYS = ("sweep_first_axis", "sweep_second_axis")
SWEEP_VALUE_KEYS = ("sweep_first_values", "sweep_second_values")
SWEEP_FORM_TOKEN_KEY = "sweep_form_token"
SWEEP_FAULT_KEY = "sweep_fault"
CLASSIFY_TABLE_KEY = "classify_table"
CLASSIFY_READ_KEY = "classify_table_read"
CLASSIFY_PREPARED_KEY = "classify_table_prepared"
CLASSIFY_FOLDER_KEY = "classify_table_folder"
CLASSIFY_VIEW_KEY = "classify_view"
CLASSIFY_FAMILY_KEY = "classify_family"
CLASSIFY_CELL_KEY = "classify_cell"
CLASSIFY_CLASS_KEY = "classify_class"
CLASSIFY_CURVE_KEY = "classify_curve"
CLASSIFY_THRESHOLD_KEY = "classify_threshold"
CLASSIFY_SLICE_KEY = "classify_slice"
CLASSIFY_WORD_KEY = "classify_word"
CLASSIFY_COLUMN_KEY = "classify_column"
CLASSIFY_PART_KEY = "classify_part"
CLASSIFY_RACE_KEY = "classify_race"
CLASSIFY_FAMILIES_KEY = "classify_families"
CLASSIFY_ENCODER_KEY = "classify_encoder"
CLASSIFY_FAULT_KEY = "classify_fault"
CLASSIFY_FORM_TOKEN_KEY = "classify_form_token"
CLASSIFY_TYPED_KEY = "classify_typed"
CLASSIFY_SAID_KEY = "classify_said"
CLASSIFY_FILE_KEY = "classify_file"
CLASSIFY_FILE_WRITTEN_KEY = "classify_file_written"
CLASSIFY_FILE_FAULT_KEY = "classify_file_fault"
CLASSIFY_SIZED_KEY = "classify_sized"
CLASSIFY_SIZES_FAULT_KEY = "classify_sizes_fault"
CLASSIFY_PRETRAINING_FAULT_KEY = "classify_pretraining_fault"
CLASSIFY_RESULTS_LINK_KEY = "classify_results_link"
CLASSIFY_RESULTS_FOR_KEY = "classify_results_for"
CLASSIFY_LONG_TEXTS_KEY = "classify_long_texts_found"
CLASSIFY_WHY_TEXT_KEY = "classify_why_text"
CLASSIFY_WHY_FAMILIES_KEY = "classify_why_families"
CLASSIFY_WHY_CLASS_KEY = "classify_why_class"
CLASSIFY_WHY_METHOD_KEY = "classify_why_method"
CLASSIFY_WHY_FOR_KEY = "classify_why_for"
CLASSIFY_WHY_TURN_KEY = "classify_why_turn"
CLASSIFY_WHY_LINK_KEY = "classify_why_link"
RUNS_TURN_KEY = "runs_turn"
RUNS_BROUGHT_KEY = "runs_brought"
OWNER_KEY = "class_owner"
CLASS_FAULT_KEY = "class_fault"
CLASS_NAME_KEY = "class_own_name"
CLASS_FROZEN_KEY = "class_frozen"
CLASS_LINK_KEY = "class_link"
CLASS_LIMITS_KEY = "class_limits_seen"
CLASS_PERSON_KEY = "class_person"
CLASS_PERSON_NAME_KEY = "class_person_name"


@functools.cache
def store() -> Store:
    """The store that pages and routes of this server share."""
    return Store()


_inference = threading.BoundedSemaphore(2)


@contextmanager
def inference(waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold this while a model computes in the server: two at once, one thread each, so that training keeps its cores.

    `waiting` is called once when both places are taken.
    """
    if not _inference.acquire(blocking=False):
        if waiting:
            waiting()
        _inference.acquire()
    try:
        import torch

        torch.set_num_threads(1)
        yield
    finally:
        _inference.release()


WARM_AFTER = 1.5
"""Seconds between the first request of a component and warming a worker: the rest of the page comes first."""
TORCH_AFTER = 6.0
"""Seconds between warming a worker and importing torch here, which for a second or two slows down every answer."""

_warming, _importing = threading.Lock(), threading.Lock()


def warm_up() -> None:
    """Once a page has been painted: keep a worker ready to train, and import torch here, where models are looked at.

    Called by the first request of a live component, so that no browser waits for these imports.
    """
    if _warming.acquire(blocking=False):
        threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def _warm_up() -> None:
    try:
        time.sleep(WARM_AFTER)
        store().warm()
        time.sleep(TORCH_AFTER)
        import torch

        torch.set_num_threads(1)  # Inference in the server takes one thread; the others belong to training.
        threading.Thread(target=measure_once, args=(store().root,), name="measuring", daemon=True).start()
    except Exception:
        logging.getLogger(__name__).exception("Warming up failed; the first training will start slowly.")
    warm_libraries()
    # What has been imported stays: a collection that walked through it each time would hold up everybody's page.
    gc.collect()
    gc.freeze()


def warm_libraries() -> None:
    """Import, beside the pages, what the views of the page Inside need: the first that asked would wait for seconds.

    Called where such views are drawn, once the first is out.
    """
    if _importing.acquire(blocking=False):
        threading.Thread(target=_warm_libraries, name="warm-libraries", daemon=True).start()


def _warm_libraries() -> None:
    try:
        import captum.attr  # noqa: F401
        import sklearn.manifold  # noqa: F401

        for corpus in CORPORA.values():
            if corpus.kind != "text":  # its grammar
                next(iter(documents(corpus, 0, 1)))
    except Exception:
        logging.getLogger(__name__).exception("Warming up failed; the first views will be slow.")
