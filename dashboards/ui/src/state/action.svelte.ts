// Something that a person asks the server to do: whether it is under way, and what went wrong with the last one.
import { type Problem, problemFrom } from '../api/client';

export class Action {
  busy = $state(false);
  problem: Problem | undefined = $state.raw();

  /** Takes what is done after each piece of work, whichever way it went: mostly, asking anew for what is shown. */
  constructor(readonly after: () => unknown = () => undefined) {}

  /** Does it; whether that went well. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    this.problem = undefined;
    try {
      await work();
    } catch (error) {
      this.problem = problemFrom(error);
    }
    this.busy = false;
    await this.after();
    return this.problem === undefined;
  }
}
