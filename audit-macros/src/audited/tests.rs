//! What the attribute makes of the main shapes of functions.

use proc_macro2::TokenStream;
use quote::quote;

fn expanded(arguments: TokenStream, item: TokenStream) -> String {
    let tokens = super::attribute("#[audited]", arguments, item);
    prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is a file of items"))
}

#[test]
fn an_async_function_is_polled_by_one_struct_around_one_block() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.created", target = "project", target_id = |ok| ok.id, metadata(changes = json!(name))),
        quote! {
            /// Creates a project.
            pub async fn create(&self, name: String) -> Result<Project, Error> {
                self.insert(name).await
            }
        },
    ));
}

#[test]
fn a_plain_function_is_called_in_place() {
    insta::assert_snapshot!(expanded(
        quote!(
            action = Action::KeyRotated,
            actor = Actor::system("rotation"),
            on = "success",
            metadata(%key_type, ret scopes = ?|key| &key.scopes, reason = later)
        ),
        quote! {
            fn rotate<T: Key>(key_id: &str, key_type: KeyType, replace: impl FnOnce() -> T) -> impl Key {
                replace()
            }
        },
    ));
}

#[test]
fn a_method_is_called_in_a_closure_that_takes_its_arguments() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.suspended", target_id = self.id, metadata(reason)),
        quote! {
            fn suspend(&mut self, reason: &str) -> Result<(), Error> {
                self.check(reason)?;
                Ok(())
            }
        },
    ));
}

#[test]
fn a_generic_function_keeps_its_parameters_and_bounds() {
    insta::assert_snapshot!(expanded(
        quote!(action = "secret.accessed", target_id = N),
        quote! {
            pub(crate) fn read<'a, T, const N: usize>(values: &'a [T; N]) -> Option<&'a T>
            where
                T: Clone,
            {
                values.first()
            }
        },
    ));
}

#[test]
fn a_function_without_end_has_no_value_to_look_at() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.updated", target_id = 1),
        quote! {
            fn stop() -> ! {
                panic!()
            }
        },
    ));
}

#[test]
fn a_returned_future_is_made_in_a_closure_and_polled_by_the_struct() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.updated"),
        quote! {
            fn update(project_id: u64) -> impl Future<Output = Result<(), Error>> + Send {
                let client = client();
                async move { client.update(project_id).await }
            }
        },
    ));
}

#[test]
fn what_async_trait_makes_is_boxed_once() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.updated"),
        quote! {
            fn update<'life0, 'async_trait>(
                &'life0 self,
                project_id: u64,
            ) -> ::core::pin::Pin<
                Box<dyn ::core::future::Future<Output = Result<(), Error>> + ::core::marker::Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<Result<(), Error>> {
                        #[allow(unreachable_code)]
                        return __ret;
                    }
                    let __self = self;
                    let project_id = project_id;
                    let __ret: Result<(), Error> = { __self.send(project_id).await };
                    #[allow(unreachable_code)]
                    __ret
                })
            }
        },
    ));
}

#[test]
fn what_is_recorded_and_of_which_outcome_is_asked_after_the_body() {
    insta::assert_snapshot!(expanded(
        quote!(
            action = "project.deleted",
            on = "failure",
            skip_if = dry_run,
            outcome = |result| judge(result),
            err = |error| error.code(),
            metadata(old_value = None, ret new_value = |ok| ok.len())
        ),
        quote! {
            fn delete(project: &Project, dry_run: bool) -> Result<Vec<u8>, Error> {
                project.delete(dry_run)
            }
        },
    ));
}

#[test]
fn an_impl_block_hands_its_arguments_down() {
    insta::assert_snapshot!(expanded(
        quote!(target = "project", actor = self.actor()),
        quote! {
            impl<T> Projects<T> {
                #[audited(action = "project.created")]
                fn create(&self) -> Project {
                    Project::new()
                }
                fn other(&self) {}
            }
        },
    ));
}

#[test]
fn a_function_whose_attribute_is_wrong_is_given_back_as_it_was() {
    let item = quote!(async fn create(name: String) -> Result<(), Error> { half.typed. });
    let tokens = super::attribute("#[audited]", quote!(acton = "project.created"), item.clone()).to_string();
    let errors = tokens.strip_prefix(&item.to_string()).expect("the item comes first");
    assert_eq!(errors.matches("compile_error").count(), 1, "{errors}");
}

#[test]
fn a_half_typed_body_still_expands() {
    let item = quote!(fn create(project_id: &str) { half.typed. });
    let tokens = super::attribute("#[audited]", quote!(action = "project.created"), item).to_string();
    assert!(tokens.contains("half . typed ."), "{tokens}");
    assert!(!tokens.contains("compile_error"), "{tokens}");
}

#[test]
fn the_arguments_of_an_impl_block_are_handed_to_the_audited_methods_alone() {
    let item = quote! {
        #[cfg(unix)]
        impl Projects {
            #[audited(action = "project.created",)]
            fn create(&self) { half.typed. }

            #[crate::audit::audited]
            fn bare(&self) {}

            #[inline]
            fn other(&self) {}
        }
    };
    let tokens = super::attribute("#[audited]", quote!(target = "project"), item).to_string();
    let handed = "__defaults (target = \"project\")";
    assert!(tokens.contains(&format!("[audited (action = \"project.created\" , {handed})]")), "{tokens}");
    assert!(tokens.contains(&format!("[crate :: audit :: audited ({handed})]")), "{tokens}");
    assert_eq!(tokens.matches("__defaults").count(), 2);
}

#[test]
fn a_success_in_a_transaction_is_written_after_the_body() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.deleted", tx = &mut *tx),
        quote! {
            async fn delete(tx: &mut Transaction<'_, Postgres>, project_id: u64) -> Result<(), Error> {
                tx.delete(project_id).await
            }
        },
    ));
}
